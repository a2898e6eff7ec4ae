import assert from "node:assert/strict";
import { describe } from "node:test";
import { until } from "../support/until.ts";
import {
  LIMIT,
  prepareSettled,
  recovered,
  status,
  stepOf,
} from "./support/agent.ts";
import { Fleet, KEEP_MEMORY } from "./support/fleet.ts";

const DEVICE = "/dev/vdc";

/** What the host puts on the disk of a fork. */
function contentOf(n: number): string {
  return JSON.stringify({
    outcome: "restored",
    // The guest's clock began with the whole seconds of its RTC: it may be ahead of this host's.
    hostTime: Date.now() + 2000,
    network: {
      address: `10.0.2.${20 + n}/24`,
      gateway: "10.0.2.2",
      mac: `52:54:00:12:34:${70 + n}`,
      hostname: `fork-${n}`,
    },
  });
}

describe("a machine with a mailbox", () => {
  const fleet = new Fleet("bun", {
    mailbox: true,
    flags: [`--mailbox=${DEVICE}`, "--no-forward-ports", ...KEEP_MEMORY],
  });

  fleet.test("its forks find their identity without any call", async () => {
    const source = await fleet.restore({
      ...await fleet.base(),
      mailbox: '{"network":{"hostname":"template"}}',
    }, "same");
    await source.cont();
    const show = `head -c 64 ${DEVICE} | tr -d '\\0'`;
    // A program keeps the disk open from before the read on: its pages stay in the page cache.
    await source.sh(
      `exec 3<${DEVICE}; sleep 1000 <&3 >/dev/null 2>&1 & ${show}`,
    );
    await source.sh("lull ready >/run/identity 2>&1 </dev/null &");
    await until("a ready workload", async () => {
      return (await status(source)).ready === 1;
    }, LIMIT);
    const { steps } = await prepareSettled(source);
    assert.deepEqual(stepOf(steps, "mailbox").effect, {
      source: DEVICE,
      hasContent: true,
    });
    const snapshot = await fleet.snapshot(source, "with a mailbox");
    await fleet.kill(source);

    const forks = await Promise.all([1, 2].map(async (n) => {
      const fork = await fleet.restore({ ...snapshot, mailbox: contentOf(n) });
      await fork.cont();
      await fork.reach(`10.0.2.${20 + n}`);
      return fork;
    }));
    for (const [i, fork] of forks.entries()) {
      const name = `fork-${i + 1}`;
      const report = await recovered(fork);
      assert.equal(report.trigger, "evidence");
      assert.equal(report.outcome, "restored");
      assert.deepEqual(stepOf(report.steps, "mailbox").effect, {
        source: DEVICE,
        fields: ["outcome", "hostTime", "network"],
      });
      assert.equal(stepOf(report.steps, "clock").effect?.source, "request");
      assert.equal(stepOf(report.steps, "network").status, "done");
      const shown = await fork.sh("hostname; ip -4 -o address show eth0");
      assert.match(shown, new RegExp(`^${name}\n`));
      assert.match(shown, new RegExp(`inet 10\\.0\\.2\\.${21 + i}/24`));
      assert.doesNotMatch(shown, /10\.0\.2\.15/);
      const identity = JSON.parse(
        await until("the workload", () => fork.sh("cat /run/identity"), LIMIT),
      );
      assert.equal(identity.hostname, name);
      assert.equal(identity.outcome, "restored");
      assert.equal(identity.generation, report.generation);
      const own = { interface: "eth0", address: `10.0.2.${21 + i}/24` };
      assert.deepEqual(
        identity.addresses.filter(({ address }: typeof own) =>
          address.startsWith("10.")
        ),
        [own],
      );
      // A usual read gets what the page cache had before the snapshot.
      assert.match(await fork.sh(show), /"template"/);
    }
    await fleet.kill(...forks);

    // A fork that got no content of its own, and one whose content is wrong.
    for (
      const [mailbox, status, reason] of [
        ['{"network":{"hostname":"template"}}', "skipped", /is known$/],
        ['{"network":{"hostname":"a b"}}', "failed", /network\.hostname: /],
      ] as const
    ) {
      const fork = await fleet.restore({ ...snapshot, mailbox });
      await fork.cont();
      const report = await until(
        "the recovery",
        () => recovered(fork).catch(() => undefined),
        LIMIT,
      );
      assert.equal(report.trigger, "evidence");
      const step = stepOf(report.steps, "mailbox");
      assert.equal(step.status, status);
      assert.match(step.reason ?? "", reason);
      assert.equal(await fork.sh("hostname"), "guest");
      await fleet.kill(fork);
    }
  });
});
