/**
 * A logger, what it is made of, and the record that it hands to its handlers.
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

/** Any function: a message that is made only when it is logged. */
// deno-lint-ignore no-explicit-any
export type GenericFunction = (...args: any[]) => any;

/** What `setup` makes a logger from. */
export class LoggerConfig {
  /** The least serious level that is logged; INFO if absent. */
  level?: LevelName;
  /** The names of its handlers; names that no handler has are ignored. */
  handlers?: string[];
}

/** How a logger is made. */
export interface LoggerOptions {
  /** Where its records go; nowhere if absent. */
  handlers?: BaseHandler[];
}

/** Takes messages, and hands those of its level and above to its handlers. */
export class Logger {
  /** Where its records go. */
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #level: LogLevel;

  /** Throws an Error for a name that no level has. */
  constructor(
    loggerName: string,
    levelName: LevelName,
    options: LoggerOptions = {},
  ) {
    this.#loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  /** The least serious level that is logged, as a number. */
  get level(): LogLevel {
    return this.#level;
  }

  /** Throws a TypeError for a number that no level has. */
  set level(level: LogLevel) {
    if (!Object.values(LogLevels).includes(level)) {
      throw new TypeError(`Invalid log level: ${level}`);
    }
    this.#level = level;
  }

  /** The least serious level that is logged, by name. */
  get levelName(): LevelName {
    return getLevelName(this.#level);
  }

  /** Throws an Error for a name that no level has. */
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  /** The name of this logger. */
  get loggerName(): string {
    return this.#loggerName;
  }

  /** Logs at level DEBUG what the function returns; not called below the level. */
  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level DEBUG and returns it. */
  debug<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  debug<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  /** Logs at level INFO what the function returns; not called below the level. */
  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level INFO and returns it. */
  info<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  info<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.INFO, msg, args);
  }

  /** Logs at level WARN what the function returns; not called below the level. */
  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level WARN and returns it. */
  warn<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  warn<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.WARN, msg, args);
  }

  /** Logs at level ERROR what the function returns; not called below the level. */
  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs a message at level ERROR and returns it. */
  error<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  error<T>(msg: T | (() => T), ...args: unknown[]): unknown {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  /** Logs at level CRITICAL what the function returns; not called below the level. */
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
