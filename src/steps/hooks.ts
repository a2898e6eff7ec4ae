/**
 * Step: the guest's own programs have their say before the freeze, and get
 * their call after it.
 * @module
 */
import type { Facts, Hook, HookResult } from "../hooks/hook.ts";
import type {
  Change,
  Recorded,
  Recorder,
  Repairer,
} from "../lifecycle/journal.ts";
import {
  type Effect,
  messageOf,
  type RecoveryContext,
  since,
  type Step,
  type StepContext,
} from "../lifecycle/step.ts";

/**
 * Milliseconds for the thaws that have no time left: they all run at once then,
 * so that none goes without its call.
 */
const LAST_CALL_MS = 2000;
/** Less time than this is none: timers end a little early. */
const LEAST_MS = 1;

/** What the step needs. */
export interface HooksStepOptions {
  /** Who takes part now, in the order of freeze. */
  readonly hooks: () => readonly Hook[];
  /** Milliseconds for all of them together: for freeze, and for thaw again. */
  readonly limitMs: number;
  readonly journal: Recorder;
  /** The host's wall clock, where a recovery was told it. */
  readonly hostTime?: (context: RecoveryContext) => string | undefined;
}

/** Hooks that did not hold; what each did is in `effect`. */
export class HooksError extends Error {
  override readonly name = "HooksError";
  constructor(message: string, readonly effect: Effect) {
    super(message);
  }
}

/**
 * Freeze in order, thaw in reverse: whatever was started for freeze gets its
 * thaw, whether it ended well or not, and all thaws run whatever fails. At
 * freeze a program whose connection ends before it has acknowledged counts as
 * failed, under its policy: the next prepare finds it gone. At thaw nobody
 * waits for it, and that is no failure.
 */
export function hooksStep(options: HooksStepOptions): Step {
  return {
    async quiesce(context) {
      const hooks = options.hooks();
      if (hooks.length === 0) return { skipped: "there are no hooks" };
      const round = new Round(options);
      const effect = await round.freeze(hooks, context);
      return { effect, undo: (recovery) => round.undo(recovery) };
    },
  };
}

/**
 * Runs the thaws that a killed agent owes, for `repairAfterCrash`. Only hooks
 * that take part now are called, by their names: what is in the journal's file
 * is never run itself.
 */
export function thawOwed(options: Omit<HooksStepOptions, "journal">): Repairer {
  return async ({ operation, generation, started }) => {
    const owed = Array.isArray(started) ? started : [];
    const { results, ms } = await thawAll(
      options.hooks().filter((hook) => owed.includes(keyOf(hook))),
      {
        phase: "thaw",
        operation: String(operation),
        generation: Number(generation),
        outcome: "aborted",
      },
      options.limitMs,
    );
    const failed = results.filter(isFailedThaw).map(sentence);
    return { hooks: results, ms, ...failed.length > 0 && { failed } };
  };
}

class Round {
  readonly #options: HooksStepOptions;
  readonly #started: Hook[] = [];
  #recorded: Recorded | undefined;

  constructor(options: HooksStepOptions) {
    this.#options = options;
  }

  async freeze(
    hooks: readonly Hook[],
    { operation, generation, signal }: StepContext,
  ): Promise<Effect> {
    const { limitMs, journal } = this.#options;
    const start = performance.now();
    const change = (): Change => {
      return { operation, generation, started: this.#started.map(keyOf) };
    };
    const recorded = journal.record("hooks", change());
    this.#recorded = recorded;
    const results: HookResult[] = [];
    let broken: string | undefined;
    for (const hook of hooks) {
      if (signal.aborted) broken = "given up with the prepare";
      if (broken !== undefined) break;
      const left = limitMs - since(start);
      let result = notStarted(hook, limitMs);
      if (left >= LEAST_MS) {
        this.#started.push(hook);
        try {
          recorded.update(change());
        } catch (error) {
          // Not written down, so not started; the others still get their thaw.
          this.#started.pop();
          broken = messageOf(error);
          break;
        }
        result = await hook.call(
          { phase: "freeze", operation, generation },
          { limitMs: Math.min(hook.limitMs, left), signal },
        );
      }
      results.push(result);
      const held = result.status === "done" || hook.policy === "continue";
      if (!held || result.status === "aborted") broken = sentence(result);
    }
    const effect: Effect = { hooks: results, ms: since(start) };
    if (broken === undefined) return effect;
    const thawed = await this.#thaw({
      phase: "thaw",
      operation,
      generation,
      outcome: "aborted",
    });
    const also = thawed.results.filter(isFailedThaw).map(sentence);
    throw new HooksError(
      [`Cannot freeze the hooks: ${broken}`, ...also].join("; thaw: "),
      { ...effect, thawed: thawed.results },
    );
  }

  async undo(recovery: RecoveryContext): Promise<Effect> {
    const { operation, generation, outcome, signal } = recovery;
    const hostTime = this.#options.hostTime?.(recovery);
    const { results, ms } = await this.#thaw(
      { phase: "thaw", operation, generation, outcome, hostTime },
      signal,
    );
    const effect = { hooks: results, ms };
    const failed = results.filter(isFailedThaw);
    if (failed.length === 0) return effect;
    throw new HooksError(
      `Cannot thaw the hooks: ${failed.map(sentence).join("; ")}`,
      effect,
    );
  }

  async #thaw(facts: Facts, signal?: AbortSignal) {
    const { limitMs } = this.#options;
    const thawed = await thawAll(this.#started, facts, limitMs, signal);
    // Called, that is: a thaw that failed would fail after a restart as well.
    this.#recorded?.erase();
    return thawed;
  }
}

async function thawAll(
  started: readonly Hook[],
  facts: Facts,
  limitMs: number,
  signal?: AbortSignal,
): Promise<{ results: HookResult[]; ms: number }> {
  const start = performance.now();
  const owed = started.toReversed();
  const results: HookResult[] = [];
  for (;;) {
    const left = limitMs - since(start);
    if (left < LEAST_MS) break;
    const hook = owed.shift();
    if (hook === undefined) break;
    const limits = { limitMs: Math.min(hook.limitMs, left), signal };
    results.push(await hook.call(facts, limits));
  }
  const last = owed.map((hook) => {
    const limits = { limitMs: Math.min(hook.limitMs, LAST_CALL_MS), signal };
    return hook.call(facts, limits);
  });
  results.push(...await Promise.all(last));
  return { results, ms: since(start) };
}

function notStarted({ name, kind }: Hook, limitMs: number): HookResult {
  const reason = `the ${limitMs} ms of all hooks together were used up`;
  return { name, kind, status: "skipped", ms: 0, reason };
}

function isFailedThaw({ status }: HookResult): boolean {
  return status !== "done" && status !== "gone";
}

/** A failure with the end of what the hook said, where it said something. */
function sentence({ name, status, reason, output }: HookResult): string {
  const said = output?.split("\n").findLast((line) => line.trim() !== "");
  const words = said === undefined ? "" : ` (${said.trim().slice(0, 200)})`;
  return `hook ${name} ${status}: ${reason}${words}`;
}

function keyOf({ name, kind, at }: Hook): string {
  return `${kind} ${at ?? name}`;
}
