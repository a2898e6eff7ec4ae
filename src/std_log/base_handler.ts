/**
 * What every handler has in common.
 * @module
 */
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
} from "./levels.ts";
import type { LogRecord } from "./_record.ts";

/** Makes the line of a record. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** How a handler is made. */
export interface BaseHandlerOptions {
  /** Makes the line of a record; the level's name and the message if absent. */
  formatter?: FormatterFunction;
}

function defaultFormatter({ levelName, msg }: LogRecord): string {
  return `${levelName} ${msg}`;
}

/** Writes records of its level and above; a subclass says where to. */
export abstract class BaseHandler {
  /** Makes the line of a record. */
  formatter: FormatterFunction;
  #levelName: LevelName;
  #level: LogLevel;

  /** Throws an Error for a name that no level has. */
  constructor(levelName: LevelName, options: BaseHandlerOptions = {}) {
    this.#level = getLevelByName(levelName);
    this.#levelName = levelName;
    this.formatter = options.formatter ?? defaultFormatter;
  }

  /** The least serious level that is written, as a number. */
  get level(): LogLevel {
    return this.#level;
  }

  /** Throws an Error for a number that no level has. */
  set level(level: LogLevel) {
    this.#levelName = getLevelName(level);
    this.#level = level;
  }

  /** The least serious level that is written, by name. */
  get levelName(): LevelName {
    return this.#levelName;
  }

  /** Throws an Error for a name that no level has. */
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
    this.#levelName = levelName;
  }

  /** Formats and writes a record, unless it is below the handler's level. */
  handle(logRecord: LogRecord): void {
    if (this.level > logRecord.level) return;
    this.log(this.format(logRecord));
  }

  /** The line of a record. */
  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  /** Writes a line. */
  abstract log(msg: string): void;

  /** Opens what the handler needs; `setup` calls it. Nothing by default. */
  setup(): void {}

  /** Gives it up again; the next `setup` calls it. Nothing by default. */
  destroy(): void {}

  /** The same as destroy, for `using`. */
  [Symbol.dispose](): void {
    this.destroy();
  }
}
