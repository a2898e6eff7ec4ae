/**
 * The model against the real agent: random sequences of commands, compared
 * after each. A failure prints the shortest sequence that still fails, and the
 * seed and path that bring it back.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Target } from "../support/agent.ts";
import { until } from "../support/until.ts";
import { carriedOut } from "./command.ts";
import { commands } from "./commands.ts";
import { type Model, modelOf } from "./model.ts";
import { type Holdings, World } from "./world.ts";

/** Commands of one sequence; longer ones shrink for longer. */
const SEQUENCE = 100;
/** Rounds that warm up compilers and pools, before anything is measured. */
const WARM = 300;
/** Pools start their threads when they need them. */
const LATE_THREADS = 4;
const GROWTH_BYTES = 4 * 2 ** 20;

/**
 * How much, and what: a failure names its seed, its path and its replayPath. No
 * prefix: LULL_ is the agent's own.
 */
const {
  MODEL_COMMANDS = "5000",
  MODEL_ROUNDS,
  MODEL_SEED,
  MODEL_PATH,
  MODEL_REPLAY,
} = process.env;

/** Declares the model test for one target. */
export function model(target: Target): void {
  const amount = MODEL_ROUNDS === undefined
    ? `${MODEL_COMMANDS} commands`
    : `${MODEL_ROUNDS} rounds`;
  describe(`the model on ${target}`, () => {
    test(amount, { timeout: 86_400_000 }, async () => {
      const runs = new Runs(target);
      const start = performance.now();
      try {
        await check(runs, () => isEnough(runs));
        if (MODEL_ROUNDS !== undefined) await runs.assertNothingLeft();
      } finally {
        await runs.end();
        const seconds = (performance.now() - start) / 1000;
        console.log(
          `${carriedOut.count} commands, ${runs.rounds} rounds on ${target} ` +
            `in ${seconds.toFixed(1)} s`,
        );
      }
    });
  });
}

function isEnough(runs: Runs): boolean {
  // To see one failure again, its sequence is all that has to run.
  if (MODEL_PATH !== undefined) return true;
  return MODEL_ROUNDS === undefined
    ? carriedOut.count >= Number(MODEL_COMMANDS)
    : runs.rounds >= Number(MODEL_ROUNDS);
}

async function check(runs: Runs, isEnough: () => boolean): Promise<void> {
  carriedOut.count = 0;
  do {
    await fc.assert(
      fc.asyncProperty(
        commands(SEQUENCE, MODEL_REPLAY),
        (sequence) => runs.run(sequence),
      ),
      {
        numRuns: 10,
        seed: MODEL_SEED ? Number(MODEL_SEED) : undefined,
        path: MODEL_PATH,
      },
    );
  } while (!isEnough());
}

/** What it holds; the fewest descriptors of three looks. */
async function least(world: World): Promise<Holdings> {
  const looks: Holdings[] = [];
  for (let i = 0; i < 3; i++) looks.push(await world.holdings());
  return looks.reduce((a, b) => b.descriptors < a.descriptors ? b : a);
}

/** One agent for all sequences; after one that failed, a new one. */
class Runs {
  readonly #target: Target;
  #world: World | undefined;
  #warm: Holdings | undefined;
  /** Recoveries so far. */
  rounds = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  async run(
    sequence: Iterable<fc.AsyncCommand<Model, World>>,
  ): Promise<void> {
    const world = this.#world ?? await World.start(this.#target);
    this.#world = undefined;
    try {
      const before = await world.status();
      const model = modelOf(before);
      await fc.asyncModelRun(() => ({ model, real: world }), sequence);
      await world.reset(model);
      this.rounds += model.generation - before.generation;
      if (this.rounds >= WARM) this.#warm ??= await least(world);
      this.#world = world;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  /** No descriptor, no thread, no memory more than when it was warm. */
  async assertNothingLeft(): Promise<void> {
    const warm = this.#warm;
    assert.ok(warm !== undefined, `fewer than ${WARM} rounds`);
    // Deno keeps a part of an event loop whose worker has ended, until a later worker: on a busy
    // machine that is more now and then.
    const now = await until("no more descriptors", async () => {
      const now = await this.#world!.holdings();
      return now.descriptors <= warm.descriptors && now;
    });
    assert.ok(now);
    const grown = now.dirty - warm.dirty;
    assert.ok(now.threads <= warm.threads + LATE_THREADS, "threads");
    assert.ok(grown <= GROWTH_BYTES, `memory grew by ${grown} bytes`);
  }

  async end(): Promise<void> {
    await this.#world?.end();
  }
}
