/**
 * Log records.
 * @module
 */
import { getLevelName, type LevelName, type LogLevel } from "./levels.ts";

/** The data of a record. */
export interface LogRecordOptions {
  /** The message. */
  msg: string;
  /** The arguments after the message. */
  args: unknown[];
  /** The number of the record's level. */
  level: LogLevel;
  /** The name of the logger that created the record. */
  loggerName: string;
}

/** One message, with its level, its logger, its arguments and its time. */
export class LogRecord {
  /** The message. */
  readonly msg: string;
  /** The number of the record's level. */
  readonly level: LogLevel;
  /** The name of the record's level. */
  readonly levelName: LevelName;
  /** The name of the logger that created the record. */
  readonly loggerName: string;
  readonly #args: readonly unknown[];
  readonly #epochMs: number;

  /** Creates a record with the current time. Throws an Error if no level has this number. */
  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
    this.#epochMs = Date.now();
  }

  /** A copy of the arguments after the message. */
  get args(): unknown[] {
    return [...this.#args];
  }

  /** The time at which the record was created, as a new Date. */
  get datetime(): Date {
    return new Date(this.#epochMs);
  }
}
