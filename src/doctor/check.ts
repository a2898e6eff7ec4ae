/**
 * What a check of the doctor is, and what it found.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { messageOf } from "../util/errors.ts";
import type { Libc } from "../linux/libc.ts";

/** What checks look at. */
export interface Patient {
  readonly config: Config;
  readonly libc: Libc;
}

/** One thing that Lull can use. Looking at it changes nothing. */
export interface Check {
  readonly name: string;
  /** Whether something needs it that is on in this configuration. */
  needed(config: Config): boolean;
  /**
   * What it is like where it works; rejects with an error that says why where it
   * does not.
   */
  look(patient: Patient): string | Promise<string>;
  /** What Lull does not do without it. */
  readonly skipped: string;
  /** How to get it. */
  readonly remedy: string;
}

/** What was found. */
export interface Finding {
  readonly name: string;
  readonly works: boolean;
  readonly needed: boolean;
  /** What it is like, or why it does not work. */
  readonly found: string;
  /** What Lull skips for want of it. */
  readonly skipped?: string;
  readonly remedy?: string;
}

/** Looks; never rejects. */
export async function examine(
  check: Check,
  patient: Patient,
): Promise<Finding> {
  const { name, skipped, remedy } = check;
  const needed = check.needed(patient.config);
  try {
    const found = await check.look(patient);
    return { name, works: true, needed, found };
  } catch (error) {
    const found = messageOf(error).replace(/\s+/g, " ");
    return { name, works: false, needed, found, skipped, remedy };
  }
}

/** For what is on whatever the configuration says. */
export function always(): boolean {
  return true;
}

/** For what has another way where it is missing. */
export function never(): boolean {
  return false;
}
