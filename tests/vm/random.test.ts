import assert from "node:assert/strict";
import { describe } from "node:test";
import { until } from "../support/until.ts";
import { LIMIT, prepareSettled, recover, stepOf } from "./support/agent.ts";
import {
  drawersOf,
  drawn,
  firstRounds,
  repeated,
  startDrawing,
} from "./support/draws.ts";
import { Fleet, KEEP_MEMORY, say } from "./support/fleet.ts";
import { DRAWS, runtimes } from "./support/runtimes.ts";
import { CGROUP, startInCgroup } from "./support/workload.ts";

/** The number of forks. `make soak` asks for 200. */
const FORKS = Number(process.env.FORKS ?? 6);

/** What repeats in forks without the preload, at least: otherwise the test proves nothing. */
const REPEATS: Readonly<Record<string, readonly string[]>> = {
  python: ["random", "getrandbits", "own generator", "gauss", "ssl"],
  node: ["Math.random", "randomUUID", "randomBytes", "randomInt", "key"],
  bun: ["Math.random", "crypto.randomUUID"],
  deno: ["Math.random", "crypto.randomUUID", "crypto.getRandomValues"],
};

describe("forks of one snapshot draw different numbers in programs that were not changed", () => {
  const found = runtimes();
  const fleet = new Fleet("bun", {
    name: "random",
    extra: found.files,
    memory: 1024,
    flags: [
      `--workload-cgroup=${CGROUP}`,
      "--no-forward-ports",
      ...KEEP_MEMORY,
    ],
  });

  fleet.test(`no value twice in ${FORKS} forks`, async () => {
    if (!found.python) say("SKIPPED: this machine has no Python for the guest");
    if (!found.node) say("SKIPPED: this machine has no Node for the guest");
    const drawers = drawersOf(found);
    const source = await fleet.copy();
    say(await startDrawing(source, drawers));
    const timer = found.python && `${found.python} ${DRAWS}/timer.py`;
    if (timer) {
      await startInCgroup(source, `${timer} /run/timer`);
      await until(
        "the timer",
        async () => (await source.exec("cat /run/timer")).stdout === "armed\n",
        LIMIT,
      );
    }
    await prepareSettled(source);
    const before = await drawn(source, drawers);
    const snapshot = await fleet.snapshot(source, "programs that draw");
    await fleet.kill(source);

    const byFork: Awaited<ReturnType<typeof firstRounds>>[] = [];
    let begun = 0;
    // CI runs another test beside this one.
    const lanes = FORKS > 20 ? 2 : 1;
    await Promise.all(Array.from({ length: lanes }, async () => {
      while (begun++ < FORKS) {
        const fork = await fleet.restore(snapshot);
        await fork.cont();
        const hostTime = Date.now();
        const report = await recover(fork, { outcome: "restored", hostTime });
        assert.equal(stepOf(report.steps, "clock").effect?.stepped, true);
        byFork.push(await firstRounds(fork, drawers, before));
        // A program that waits for a step of the clock hears of it.
        if (timer) {
          await until(
            "the cancelled timer",
            async () => (await fork.sh("cat /run/timer")).includes("cancelled"),
            LIMIT,
          );
        }
        await fleet.kill(fork);
        if (byFork.length % 20 === 0) say(`${byFork.length} forks`);
      }
    }));
    assert.equal(byFork.length, FORKS);

    /** Every value of a preloaded program, with where it was drawn. */
    const seen = new Map<string, string>();
    for (const [i, { name, isPreloaded, unpromised }] of drawers.entries()) {
      const rounds = byFork.map((fork) => fork[i]);
      const twice = repeated(rounds);
      say(`${name}: the same in forks: ${twice.join(", ") || "nothing"}`);
      if (!isPreloaded) {
        const missing = REPEATS[name].filter((draw) => !twice.includes(draw));
        assert.deepEqual(missing, [], `${name} does not repeat`);
        continue;
      }
      const promised = twice.filter((draw) => !unpromised.includes(draw));
      assert.deepEqual(promised, [], name);
      for (const [fork, round] of rounds.entries()) {
        for (const [draw, value] of Object.entries(round)) {
          if (unpromised.includes(draw)) continue;
          const place = `${name}, ${draw}, fork ${fork + 1}`;
          const text = JSON.stringify(value);
          assert.equal(seen.get(text), undefined, `${text}: ${place}`);
          seen.set(text, place);
        }
      }
    }
    say(`${seen.size} values of preloaded programs, none twice`);
  });
});
