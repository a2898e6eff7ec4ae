/**
 * Random storms on a real agent: several hosts at once, callers that leave,
 * garbage, stops, signals and kills, hooks that fail or hang, a frozen workload.
 * After each bout of a storm the guest is as before. A failure names its seed.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import process from "node:process";
import { describe, test } from "node:test";
import type { Target } from "../support/agent.ts";
import { begin, bout } from "./bout.ts";
import { Client } from "./client.ts";
import { Guest, noWorkload } from "./guest.ts";
import type { Life } from "./life.ts";
import { Random } from "./random.ts";

/**
 * How long, and from which seed: it brings back what each host does, not when.
 * No prefix: LULL_ is the agent's own.
 */
const { STORM_SECONDS = "60", STORM_SEED } = process.env;

/** Declares the storm for one target. */
export function storm(target: Target): void {
  const seconds = Number(STORM_SECONDS);
  describe(`storms on ${target}`, () => {
    test(
      `a workload in a cgroup is frozen and thawed`,
      { skip: noWorkload && `LEFT OUT of the storm: ${noWorkload}` },
      () => {},
    );
    test(`${seconds} s`, { timeout: 86_400_000 }, () => run(target, seconds));
  });
}

async function run(target: Target, seconds: number): Promise<void> {
  const first = STORM_SEED === undefined
    ? Math.floor(Math.random() * 2 ** 31)
    : Number(STORM_SEED);
  const end = performance.now() + seconds * 1000;
  const client = new Client();
  const guest = await Guest.start();
  let life: Life | undefined;
  // Each bout has a seed of its own, the next one after that of the last.
  let seed = first;
  try {
    life = await begin({ target, guest, client });
    do {
      const stage = { target, guest, client, life };
      life = await bout(stage, new Random(seed++));
    } while (performance.now() < end);
    await life.end("SIGTERM");
    life.assertLog();
    await guest.assertThawed();
  } catch (error) {
    const words = `STORM_SEED=${seed - 1}: ${(error as Error).message}`;
    const path = join("dist", "storm", `${target}-${seed - 1}.log`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, [words, client.trace, life?.agent.output].join("\n\n"));
    throw new Error(`${words}; ${path} has the last calls`, { cause: error });
  } finally {
    life?.agent.kill("SIGKILL");
    await life?.agent.stop();
    await guest.end();
    const counts = [...client.counts].sort()
      .map(([what, count]) => `  ${count} ${what}`);
    console.log(
      `storm on ${target}: ${seed - first} bouts from STORM_SEED=${first}\n` +
        counts.join("\n"),
    );
  }
}
