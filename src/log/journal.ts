/**
 * Tells whether stderr is the journal of systemd, and the priority that it reads.
 * @module
 */
import { fstatSync } from "node:fs";
import process from "node:process";
import { LogLevels } from "@std/log";

const STDERR = 2;

/**
 * Whether stderr is connected to the journal: JOURNAL_STREAM has the device and the
 * inode of that socket (systemd.exec(5)). A program that inherits the variable and
 * writes somewhere else has another stderr.
 */
export function isJournal(
  stream: string | undefined = process.env.JOURNAL_STREAM,
): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(STDERR, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // stderr is closed
  }
}

/** The prefix of a line for the journal: the priority of its level, sd-daemon(3). */
export function priorityPrefix(level: number): string {
  if (level >= LogLevels.CRITICAL) return "<2>";
  if (level >= LogLevels.ERROR) return "<3>";
  if (level >= LogLevels.WARN) return "<4>";
  return level >= LogLevels.INFO ? "<6>" : "<7>";
}
