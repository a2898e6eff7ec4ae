/**
 * Defines the checks of `lull doctor` and their findings.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { messageOf } from "../util/errors.ts";
import type { Libc } from "../linux/libc.ts";

/** The input of a check. */
export interface CheckContext {
  readonly config: Config;
  readonly libc: Libc;
}

/** A check of one facility that Lull can use. The check changes nothing. */
export interface Check {
  readonly name: string;
  /** Whether a feature that this configuration enables needs the facility. */
  needed(config: Config): boolean;
  /**
   * Returns a description of the facility if it works. Throws or rejects with an
   * error that says why if it does not work.
   */
  look(context: CheckContext): string | Promise<string>;
  /** What Lull skips without the facility. */
  readonly skipped: string;
  /** What the user can do to make the facility work. */
  readonly remedy: string;
}

/** The result of a check. */
export interface Finding {
  readonly name: string;
  readonly works: boolean;
  readonly needed: boolean;
  /** A description of the facility, or why it does not work. */
  readonly found: string;
  /** What Lull skips without the facility; present if it does not work. */
  readonly skipped?: string;
  /** What the user can do; present if the facility does not work. */
  readonly remedy?: string;
}

/** Runs a check. Never rejects: an error becomes a finding. */
export async function examine(
  check: Check,
  context: CheckContext,
): Promise<Finding> {
  const { name, skipped, remedy } = check;
  const needed = check.needed(context.config);
  try {
    const found = await check.look(context);
    return { name, works: true, needed, found };
  } catch (error) {
    const found = messageOf(error).replace(/\s+/g, " ");
    return { name, works: false, needed, found, skipped, remedy };
  }
}

/** The `needed` of a facility that every configuration needs. */
export function always(): boolean {
  return true;
}

/** The `needed` of a facility that Lull can replace or do without. */
export function never(): boolean {
  return false;
}
