/**
 * Errors of the journal's repairers, for a change that is not undone.
 * @module
 */
import * as v from "valibot";
import { PartlyDone } from "./errors.ts";
import type { Change } from "./journal_entries.ts";

/** The data of a {@linkcode NotUndone}. */
interface NotUndoneOptions {
  /** The rest of the change, which replaces the recorded change. */
  readonly left: Change;
  readonly effect: Change;
  /** Names of the hooks that are owed their thaw. */
  readonly owed?: readonly string[];
}

/** A change that could not be undone completely. */
export class NotUndone extends PartlyDone {
  override readonly name = "NotUndone";
  readonly left: Change;
  readonly owed: readonly string[] | undefined;

  constructor(message: string, { left, effect, owed }: NotUndoneOptions) {
    super(message, effect);
    this.left = left;
    this.owed = owed;
  }
}

/** An entry whose content is wrong for its kind. */
export class CorruptChange extends Error {
  override readonly name = "CorruptChange";
}

/** Checks a change. Throws {@linkcode CorruptChange} if it does not match the schema. */
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
