/**
 * Priorities for the journal of systemd: a line on its stream may begin with `<n>`, where n is a level
 * of syslog(3) (sd-daemon(3)). The journal removes this prefix.
 * @module
 */
import { LogLevels } from "@std/log";
import { fstatSync } from "node:fs";

/** LOG_CRIT, LOG_ERR, LOG_WARNING, LOG_INFO and LOG_DEBUG of syslog(3), by the least level of a line. */
const PRIORITIES = [
  [LogLevels.CRITICAL, "<2>"],
  [LogLevels.ERROR, "<3>"],
  [LogLevels.WARN, "<4>"],
  [LogLevels.INFO, "<6>"],
] as const;
const DEBUG = "<7>";

/**
 * Whether the descriptor is the journal's stream. systemd sets JOURNAL_STREAM to the device and the
 * inode of the stream (systemd.exec(5)). Both must match, because the variable is inherited by
 * processes whose stderr is something else.
 */
export function isJournal(stream: string | undefined, fd: number): boolean {
  if (!stream) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // the descriptor is closed
  }
}

/** Puts the priority before each line of the text: the journal reads each line by itself. */
export function withPriority(level: number, text: string): string {
  const [, prefix] = PRIORITIES.find(([least]) => level >= least) ??
    [undefined, DEBUG];
  return prefix + text.replaceAll("\n", `\n${prefix}`);
}
