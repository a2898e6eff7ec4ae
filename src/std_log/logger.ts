/**
 * Loggers, their options, and the records that they pass to handlers.
 * @module
 */
import type { BaseHandler } from "./base_handler.ts";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";
import { LogRecord } from "./_record.ts";
import { textOf } from "./_text.ts";

export { LogRecord, type LogRecordOptions } from "./_record.ts";

/** Any function. A function as a message is called only if its result is logged. */
// deno-lint-ignore no-explicit-any
export type GenericFunction = (...args: any[]) => any;

/** The configuration of a logger in `setup`. */
export class LoggerConfig {
  /** The minimum level that is logged; the default is INFO. */
  level?: LevelName;
  /** The names of the logger's handlers. Unknown names are ignored. */
  handlers?: string[];
}

/** The options of a logger. */
export interface LoggerOptions {
  /** The handlers that get the records; the default is none. */
  handlers?: BaseHandler[];
}

/** Creates records of messages of its level and above, and passes them to its handlers. */
export class Logger {
  /** The handlers that get the records. */
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #level: LogLevel;

  /** Throws an Error if no level has this name. */
  constructor(
    loggerName: string,
    levelName: LevelName,
    options: LoggerOptions = {},
  ) {
    this.#loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  /** The minimum level that is logged, as a number. */
  get level(): LogLevel {
    return this.#level;
  }

  /** Sets the level. Throws a TypeError if no level has this number. */
  set level(level: LogLevel) {
    if (!Object.values(LogLevels).includes(level)) {
      throw new TypeError(`Invalid log level: ${level}`);
    }
    this.#level = level;
  }

  /** The minimum level that is logged, by name. */
  get levelName(): LevelName {
    return getLevelName(this.#level);
  }

  /** Sets the level by name. Throws an Error if no level has this name. */
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  /** The name of this logger. */
  get loggerName(): string {
    return this.#loggerName;
  }

  /** Logs the function's result at level DEBUG; calls it only if DEBUG is logged. */
  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level DEBUG and returns it. */
  debug<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  debug<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  /** Logs the function's result at level INFO; calls it only if INFO is logged. */
  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level INFO and returns it. */
  info<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  info<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.INFO, msg, args);
  }

  /** Logs the function's result at level WARN; calls it only if WARN is logged. */
  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level WARN and returns it. */
  warn<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  warn<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.WARN, msg, args);
  }

  /** Logs the function's result at level ERROR; calls it only if ERROR is logged. */
  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level ERROR and returns it. */
  error<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  error<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  /** Logs the function's result at level CRITICAL; calls it only if CRITICAL is logged. */
  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level CRITICAL and returns it. */
  critical<T>(
    msg: T extends GenericFunction ? never : T,
    ...args: unknown[]
  ): T;
  critical<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }

  #log<T>(level: LogLevel, msg: T, args: unknown[]): T | undefined {
    const lazy = typeof msg === "function";
    if (this.#level > level) return lazy ? undefined : msg;
    const result: T = lazy ? msg() : msg;
    const record = new LogRecord({
      msg: textOf(result),
      args,
      level,
      loggerName: this.#loggerName,
    });
    for (const handler of this.handlers) handler.handle(record);
    return result;
  }
}
