/**
 * The base class of all handlers.
 * @module
 */
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
} from "./levels.ts";
import type { LogRecord } from "./_record.ts";

/** Formats a record as a line. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** The options of a handler. */
export interface BaseHandlerOptions {
  /** Formats a record; the default writes the level's name and the message. */
  formatter?: FormatterFunction;
}

function defaultFormatter({ levelName, msg }: LogRecord): string {
  return `${levelName} ${msg}`;
}

/** Writes the records of its level and above. A subclass implements the writing. */
export abstract class BaseHandler {
  /** Formats a record as a line. */
  formatter: FormatterFunction;
  #levelName: LevelName;
  #level: LogLevel;

  /** Throws an Error if no level has this name. */
  constructor(levelName: LevelName, options: BaseHandlerOptions = {}) {
    this.#level = getLevelByName(levelName);
    this.#levelName = levelName;
    this.formatter = options.formatter ?? defaultFormatter;
  }

  /** The minimum level that is written, as a number. */
  get level(): LogLevel {
    return this.#level;
  }

  /** Sets the level. Throws an Error if no level has this number. */
  set level(level: LogLevel) {
    this.#levelName = getLevelName(level);
    this.#level = level;
  }

  /** The minimum level that is written, by name. */
  get levelName(): LevelName {
    return this.#levelName;
  }

  /** Sets the level by name. Throws an Error if no level has this name. */
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
    this.#levelName = levelName;
  }

  /** Formats and writes a record, unless it is below the handler's level. */
  handle(logRecord: LogRecord): void {
    if (this.level > logRecord.level) return;
    this.log(this.format(logRecord));
  }

  /** Formats a record as a line. */
  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  /** Writes a line. */
  abstract log(msg: string): void;

  /** Opens the handler's resources; `setup` calls this. Does nothing by default. */
  setup(): void {}

  /** Closes the resources; the next `setup` calls this. Does nothing by default. */
  destroy(): void {}

  /** Calls `destroy`, for `using` declarations. */
  [Symbol.dispose](): void {
    this.destroy();
  }
}
