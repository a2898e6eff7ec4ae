/**
 * Step: calls the guest's own programs (hooks) before the freeze and after it.
 * @module
 */
import {
  type Call,
  describeResult,
  isPaid,
  LEAST_MS,
  logOutput,
  thawAll,
} from "../hooks/calls.ts";
import {
  type Hook,
  type HookEvent,
  type HookResult,
  keyOf,
} from "../hooks/hook.ts";
import { changeOf } from "../hooks/owed_entries.ts";
import type { OwedThaws } from "../hooks/owed_thaws.ts";
import { PartlyDone } from "../lifecycle/errors.ts";
import type { Recorded, Recorder } from "../lifecycle/journal.ts";
import type {
  Effect,
  RecoveryContext,
  Step,
  StepContext,
} from "../lifecycle/step.ts";
import { messageOf, since } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";

interface HooksStepOptions {
  /** Lists the hooks that take part now, in the order of freeze. */
  readonly hooks: () => readonly Hook[];
  /** Milliseconds that all freezes together may take, and all thaws together. */
  readonly limitMs: number;
  readonly journal: Recorder;
  readonly owed: Pick<OwedThaws, "begin" | "settle" | "end" | "names">;
  /** Gets the output of the hooks. */
  readonly log: Pick<Log, "info">;
  /** Saves the registrations, so that a restarted agent knows every hook that was frozen. */
  readonly save?: () => void;
  /** The host's wall clock, if the recovery's request has it. */
  readonly hostTime?: (context: RecoveryContext) => string | undefined;
}

/**
 * Calls freeze in order and thaw in reverse order. Each hook that was called for freeze is called for
 * thaw, even if its freeze failed, and a failing thaw does not stop the other thaws. A program fails
 * if its connection ends before it has acknowledged the event. A thaw that failed is owed: it stays
 * in the journal, and a program gets it when it registers again.
 */
export function hooksStep(options: HooksStepOptions): Step {
  return {
    async quiesce(context) {
      const hooks = options.hooks();
      // A program that is owed a thaw may register at any time. It gets the thaw after the round.
      if (hooks.length === 0 && options.owed.names.length === 0) {
        return { skipped: "there are no hooks" };
      }
      const round = new Round(options);
      const effect = await round.freeze(hooks, context);
      return { effect, undo: (recovery) => round.undo(recovery) };
    },
  };
}

/** One round of hook calls, from the first freeze to the last thaw. */
class Round {
  readonly #options: HooksStepOptions;
  readonly #started: Hook[] = [];
  #recorded: Recorded | undefined;

  constructor(options: HooksStepOptions) {
    this.#options = options;
  }

  async freeze(hooks: readonly Hook[], context: StepContext): Promise<Effect> {
    const { operation, generation, kind } = context;
    const start = performance.now();
    const results: HookResult[] = [];
    const broken = await this.#freeze(hooks, context, results)
      .catch(messageOf);
    const effect: Effect = { hooks: results, ms: since(start) };
    logOutput(
      this.#options.log,
      { phase: "freeze", operation, generation, kind },
      results,
    );
    if (broken === undefined) return effect;
    const { calls, owed } = await this.#thaw({
      ...{ phase: "thaw", operation, generation, kind },
      ...{ outcome: "aborted", ...traceOf(context) },
    });
    throw new PartlyDone(
      [`Cannot freeze the hooks: ${broken}`, ...failuresOf(calls)]
        .join("; thaw: "),
      { ...effect, thawed: calls.map(({ result }) => result), ...owed },
    );
  }

  async undo(recovery: RecoveryContext): Promise<Effect> {
    const { operation, generation, kind, outcome, signal } = recovery;
    const hostTime = this.#options.hostTime?.(recovery);
    const { calls, owed, ms } = await this.#thaw(
      {
        ...{ phase: "thaw", operation, generation, kind, outcome, hostTime },
        ...traceOf(recovery),
      },
      signal,
    );
    const effect = { hooks: calls.map(({ result }) => result), ms, ...owed };
    const failures = failuresOf(calls);
    if (failures.length === 0) return effect;
    throw new PartlyDone(
      `Cannot thaw the hooks: ${failures.join("; ")}`,
      effect,
    );
  }

  /** Calls the hooks; returns why the freeze failed, or undefined. */
  async #freeze(
    hooks: readonly Hook[],
    { operation, generation, kind, signal, span }: StepContext,
    results: HookResult[],
  ): Promise<string | undefined> {
    const { limitMs, journal, owed, save } = this.#options;
    const start = performance.now();
    if (!await owed.begin({ limitMs, signal })) {
      return signal.aborted
        ? "the prepare was aborted"
        : `a thaw of an earlier operation is not done within ${limitMs} ms`;
    }
    if (hooks.length === 0) return undefined;
    save?.();
    const facts: HookEvent = {
      ...{ phase: "freeze", operation, generation, kind },
      ...traceOf({ span }),
    };
    const change = () => changeOf(facts, this.#started.map(keyOf));
    const recorded = this.#recorded = journal.record("hooks", change());
    for (const hook of hooks) {
      if (signal.aborted) return "the prepare was aborted";
      const left = limitMs - since(start);
      let result = notStarted(hook, limitMs);
      if (left >= LEAST_MS) {
        this.#started.push(hook);
        try {
          recorded.update(change());
        } catch (error) {
          // A hook that is not recorded is not called; the others still get their thaw.
          this.#started.pop();
          throw error;
        }
        const limits = { limitMs: Math.min(hook.limitMs, left), signal };
        result = await hook.call(facts, limits);
        if (result.reached === false) {
          this.#started.pop();
          recorded.update(change());
        }
      }
      results.push(result);
      const mayGoOn = isPaid(result) || hook.policy === "continue";
      if (!mayGoOn || result.status === "aborted") {
        return describeResult(result);
      }
    }
    return undefined;
  }

  async #thaw(facts: HookEvent, signal?: AbortSignal) {
    const { limitMs, owed, log, save } = this.#options;
    try {
      const { calls, ms } = await thawAll(
        this.#started,
        facts,
        limitMs,
        signal,
      );
      const names = this.#recorded === undefined
        ? []
        : owed.settle(calls, facts, this.#recorded);
      logOutput(log, facts, calls.map(({ result }) => result));
      return { calls, ms, owed: names.length > 0 ? { owed: names } : {} };
    } finally {
      save?.();
      owed.end();
    }
  }
}

/** The trace of the call, as hooks get it. */
function traceOf({ span }: Pick<StepContext, "span">) {
  return span && { traceparent: span.traceparent };
}

function notStarted({ name, kind }: Hook, limitMs: number): HookResult {
  const reason = `the ${limitMs} ms of all hooks together were used up`;
  return { name, kind, status: "skipped", ms: 0, reason };
}

function failuresOf(calls: readonly Call[]): string[] {
  return calls.map(({ result }) => result).filter((result) => !isPaid(result))
    .map(describeResult);
}
