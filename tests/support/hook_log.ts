/**
 * What the guest's hooks noted: every call, in its order.
 * @module
 */
import assert from "node:assert/strict";

/** Before the freeze, or after it. */
export type Phase = "freeze" | "thaw";

/** What a call of a hook does. */
export type Mood = "fine" | "slow" | "hang" | "fail";

/** One call of one hook. */
export interface Call {
  readonly phase: Phase;
  readonly operation: string;
  /** The guest's generation; at thaw, the one that begins. */
  readonly generation: number;
  /** The rest of the note, for those who look into a failure. */
  readonly more: string;
}

/** Something in the guest that is called before a freeze and after it. */
export interface Participant {
  readonly name: string;
  /** Its failure makes the prepare fail. */
  readonly required: boolean;
  readonly calls: readonly Call[];
}

/**
 * Every freeze is followed by a thaw of the same operation, before any other
 * freeze. The generation of the thaw is that of the freeze (an undo), or the
 * next (a recovery).
 */
export function assertPaired({ name, calls }: Participant): void {
  calls.forEach((call, at) => {
    if (call.phase !== "freeze") return;
    const next = calls[at + 1];
    const words = () =>
      `${name}: a freeze without its thaw: ${
        calls.slice(Math.max(0, at - 3), at + 4).map(wordsOf).join(", ")
      }`;
    assert.equal(next?.phase, "thaw", words());
    assert.equal(next.operation, call.operation, words());
    const grown = next.generation - call.generation;
    assert.ok(grown === 0 || grown === 1, words());
  });
}

/**
 * Nothing is thawed twice in one operation. Only ids that the agent has made
 * count: a host may use one for several operations.
 */
export function assertThawedOnce(
  name: string,
  calls: readonly Call[],
  isMade: (operation: string) => boolean,
): void {
  const thawed = new Set<string>();
  for (const { phase, operation } of calls) {
    if (phase !== "thaw" || !isMade(operation)) continue;
    assert.ok(!thawed.has(operation), `${name}: ${operation} is thawed twice`);
    thawed.add(operation);
  }
}

function wordsOf({ phase, operation, generation, more }: Call): string {
  return `${phase} ${operation} ${generation} (${more})`;
}
