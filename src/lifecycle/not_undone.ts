/**
 * How a repairer of the journal says that a change is not undone.
 * @module
 */
import * as v from "valibot";
import type { Change } from "./journal_entries.ts";

/** What a {@linkcode NotUndone} knows. */
export interface NotUndoneOptions {
  /** What is still to be undone; it replaces what is recorded. */
  readonly left: Change;
  readonly effect?: Change;
  /** Names of the hooks that are owed their thaw. */
  readonly owed?: readonly string[];
}

/** A change that could not be undone, or not all of it. */
export class NotUndone extends Error {
  override readonly name = "NotUndone";
  readonly left: Change;
  readonly effect: Change | undefined;
  readonly owed: readonly string[] | undefined;

  constructor(message: string, { left, effect, owed }: NotUndoneOptions) {
    super(message);
    this.left = left;
    this.effect = effect;
    this.owed = owed;
  }
}

/** An entry without what entries of its kind have. */
export class CorruptChange extends Error {
  override readonly name = "CorruptChange";
}

/** Checks a change; throws {@linkcode CorruptChange}. */
export function readChange<T>(
  schema: v.GenericSchema<unknown, T>,
  change: Change,
): T {
  const read = v.safeParse(schema, change);
  if (read.success) return read.output;
  const [issue] = read.issues;
  throw new CorruptChange(
    `its ${v.getDotPath(issue) ?? "text"} must be ${issue.expected}`,
  );
}
