/**
 * Formatters for handlers.
 * @module
 */
import type { LogRecord } from "./_record.ts";

/**
 * Formats a record as one line of JSON: level (the name), datetime (milliseconds
 * since the epoch), message and args. One argument is written as args itself,
 * several arguments as an array, and none omits the field. Throws a TypeError for
 * arguments that JSON cannot represent (a bigint, a cycle).
 */
export function jsonFormatter(logRecord: LogRecord): string {
  const { levelName, datetime, msg, args } = logRecord;
  return JSON.stringify({
    level: levelName,
    datetime: datetime.getTime(),
    message: msg,
    // JSON omits undefined, and with it the field if there are no arguments.
    args: args.length > 1 ? args : args[0],
  });
}

/** All formatters, by name. */
export const formatters: {
  readonly jsonFormatter: (logRecord: LogRecord) => string;
} = { jsonFormatter };
