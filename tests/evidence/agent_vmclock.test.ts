/** A real agent on a machine with a VMClock device, which is a file of the test. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { runtimeName } from "../../src/runtime/mod.ts";
import { TestAgent } from "../support/agent.ts";
import { runLull } from "../support/cli.ts";
import { temporary } from "../support/hooks.ts";
import { writeVmClock } from "../support/vmclock_file.ts";
import { withDevice } from "../support/with_device.ts";

const base = temporary();
const device = join(base.path, "vmclock");
mkdirSync(join(base.path, "dev"));
writeVmClock(device);
const prefix = withDevice(join(base.path, "dev"), "vmclock0", device);
const skip = prefix === undefined &&
  "this process may make no mount namespace with a /dev of its own";

describe("an agent on a machine with VMClock", { skip }, () => {
  after(() => base.remove());

  it("recovers as a fork if the generation counter changed", async () => {
    await using agent = await TestAgent.start(
      runtimeName(),
      ["--health-recovers=restored"],
      {},
      prefix,
    );
    for (const round of [1, 2]) {
      await agent.settle();
      await agent.health();
      assert.equal((await agent.status()).state, "quiesced");
      writeVmClock(device, { generation: 1n + BigInt(round) });
      await agent.health();
      const { state, lastRecovery } = await agent.status();
      assert.equal(state, "running");
      const { outcome, evidence, steps } = lastRecovery;
      assert.equal(outcome, "restored");
      assert.equal(evidence.conclusive, true);
      assert.deepEqual(evidence.sources[1], {
        name: "vmclock",
        available: true,
        finding: "the generation counter changed",
      });
      // Stale connections are reset, and the kernel has not reseeded by itself.
      const effectOf = (wanted: string) =>
        steps.find(({ name }: { name: string }) => name === wanted).effect;
      assert.notDeepEqual(effectOf("entropy")?.sources, ["kernel"]);
    }
  });

  it("is told so by the doctor", () => {
    const { stdout } = runLull(["doctor", "--json"], { before: prefix });
    const { checks } = JSON.parse(stdout);
    const found = checks.find(({ name }: { name: string }) =>
      name === "vmclock"
    );
    assert.deepEqual(found, {
      name: "vmclock",
      works: true,
      needed: false,
      found: "/dev/vmclock0 counts the restores of this machine",
    });
  });
});
