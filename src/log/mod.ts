/**
 * Logging with @std/log. Its only handler writes one line to stderr for each record.
 * While the guest is quiesced, the lines are stored in memory: writing a line then
 * dirties pages and causes a wakeup, and may block on a console that does not work
 * after the restore.
 * @module
 */
import {
  BaseHandler,
  getLogger,
  LogLevels,
  type LogRecord,
  setup,
} from "@std/log";
import type { Libc } from "../linux/libc.ts";
import { messageOf } from "../util/errors.ts";
import { isJournal, withPriority } from "./journal.ts";
import { LogSink } from "./sink.ts";
import { STDERR, stderrWrite } from "./stderr.ts";

/** The names of the loggers. */
export const MODULES = [
  "main",
  "http",
  "lifecycle",
  "hooks",
  "ports",
  "connections",
  "network",
  "memory",
  "dialects",
] as const;

/** A logger's name. */
type Module = typeof MODULES[number];

/** The fields of a log line, in addition to its message. */
export type Fields = Record<string, unknown>;

/** A logger. A log line has a message, and fields that programs can read. */
export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
}

/** The names of the levels in the configuration. */
type Level = "DEBUG" | "INFO" | "WARN" | "ERROR" | "CRITICAL";

const LEVELS = {
  debug: LogLevels.DEBUG,
  info: LogLevels.INFO,
  warn: LogLevels.WARN,
  error: LogLevels.ERROR,
} as const;

class StderrHandler extends BaseHandler {
  override log(message: string): void {
    sink?.write(message);
  }
}

let sink: LogSink | undefined;
let context: Fields | undefined;

/** Sets the level and the format of every logger. */
export function setupLog(options: {
  readonly level: Level;
  readonly format: "json" | "text";
  readonly libc: Libc;
  /** The value of JOURNAL_STREAM. If stderr is that stream, each line has its priority. */
  readonly journalStream?: string;
}): void {
  const line = options.format === "json" ? jsonLine : textLine;
  const journaled = isJournal(options.journalStream, STDERR);
  sink = new LogSink(stderrWrite(options.libc));
  setup({
    handlers: {
      stderr: new StderrHandler(options.level, {
        formatter: journaled
          ? (record) => withPriority(record.level, line(record))
          : line,
      }),
    },
    loggers: Object.fromEntries(
      MODULES.map((name) => [name, {
        level: options.level,
        handlers: ["stderr"],
      }]),
    ),
  });
}

/**
 * Gives every log line these fields, until the next call: the operation under way, and the request
 * that began it. A line's own fields replace them.
 */
export function setLogContext(fields: Fields | undefined): void {
  context = fields;
}

/** Stores log lines in memory until {@linkcode releaseLog}. */
export function holdLog(): void {
  sink?.hold();
}

/** Writes the stored lines, with the times at which they were logged. */
export function releaseLog(): void {
  sink?.release();
}

/** The logger of a module. Before {@linkcode setupLog}, it logs nothing. */
export function logOf(module: Module): Log {
  const write =
    (level: "debug" | "info" | "warn" | "error") =>
    (message: string, fields?: Fields) => {
      const logger = getLogger(module);
      // Skips a disabled level here, before a record is created.
      if (logger.level > LEVELS[level]) return;
      logger[level](message, ...(fields ? [fields] : []));
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
  };
}

/** Makes a function that logs an error with this message and these fields. */
export function failureLogger(
  log: Pick<Log, "error">,
  message: string,
  fields: Fields = {},
): (error: unknown) => void {
  return (error) => log.error(message, { ...fields, error: messageOf(error) });
}

function jsonLine(record: LogRecord): string {
  return JSON.stringify({
    time: record.datetime.toISOString(),
    level: record.levelName,
    module: record.loggerName,
    message: record.msg,
    ...fieldsOf(record),
  });
}

function textLine(record: LogRecord): string {
  const fields = Object.entries(fieldsOf(record)).map(([name, value]) =>
    value === undefined
      ? ""
      : ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`
  ).join("");
  const time = record.datetime.toISOString().slice(11, 23);
  return `${time} ${
    record.levelName.padEnd(5)
  } ${record.loggerName}: ${record.msg}${fields}`;
}

function fieldsOf(record: LogRecord): Fields {
  const [fields] = record.args;
  return { ...context, ...typeof fields === "object" ? fields : {} };
}
