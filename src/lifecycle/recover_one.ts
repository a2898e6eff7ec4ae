/**
 * One undo or repair: what it may know, and how it is run.
 * @module
 */
import {
  type RecoveryContext,
  type Repair,
  run,
  type StepReport,
} from "./step.ts";

/** What the spine tells an operation that it leaves. */
export type Leaving = Omit<RecoveryContext, "signal" | "operation">;

/**
 * What an undo or a repair may know. Its signal is made as it is asked for: few
 * ask, and a recovery's caller waits.
 */
export class Known implements RecoveryContext {
  /**
   * One of them stays for good: V8 forgets what objects look like of which a
   * collection has left none, and a fork would learn it anew.
   */
  static readonly example: RecoveryContext = new Known("", {
    generation: 0,
    request: {},
    trigger: "health",
    outcome: "restored",
  });
  readonly operation: string;
  readonly generation: number;
  readonly request: RecoveryContext["request"];
  readonly trigger: RecoveryContext["trigger"];
  readonly outcome: RecoveryContext["outcome"];
  #limit: AbortController | undefined;

  constructor(operation: string, leaving: Leaving) {
    this.operation = operation;
    this.generation = leaving.generation;
    this.request = leaving.request;
    this.trigger = leaving.trigger;
    this.outcome = leaving.outcome;
  }

  get signal(): AbortSignal {
    return this.#control.signal;
  }

  abort(): void {
    this.#control.abort();
  }

  get #control(): AbortController {
    return this.#limit ??= new AbortController();
  }
}

/** Runs it within its limit; past that it is told to stop, and goes on alone. */
export async function recoverOne(
  name: string,
  limitMs: number,
  known: Known,
  action: () => ReturnType<Repair["repair"]>,
): Promise<StepReport> {
  const ran = await run({ name, limitMs }, action);
  if (ran.report.status === "timeout") known.abort();
  return ran.report;
}
