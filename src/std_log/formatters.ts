/**
 * Formatters that a handler can be given.
 * @module
 */
import type { LogRecord } from "./_record.ts";

/**
 * A record as one line of JSON: level (the name), datetime (milliseconds since
 * the epoch), message, and args: none left out, one bare, several an array.
 * Throws a TypeError for arguments that JSON cannot carry (a bigint, a cycle).
 */
export function jsonFormatter(logRecord: LogRecord): string {
  const { levelName, datetime, msg, args } = logRecord;
  return JSON.stringify({
    level: levelName,
    datetime: datetime.getTime(),
    message: msg,
    // JSON leaves out what is undefined, so no arguments leave no field.
    args: args.length > 1 ? args : args[0],
  });
}

/** All formatters, by name. */
export const formatters: {
  readonly jsonFormatter: (logRecord: LogRecord) => string;
} = { jsonFormatter };
