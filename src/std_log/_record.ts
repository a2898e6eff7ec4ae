import { getLevelName, type LevelName, type LogLevel } from "./levels.ts";

/** What a record is made of. */
export interface LogRecordOptions {
  /** The message. */
  msg: string;
  /** The arguments that came with it. */
  args: unknown[];
  /** The number of its level. */
  level: LogLevel;
  /** The name of the logger that it came through. */
  loggerName: string;
}

/** One message, with all that a formatter may want to say about it. */
export class LogRecord {
  /** The message. */
  readonly msg: string;
  /** The number of its level. */
  readonly level: LogLevel;
  /** The name of its level. */
  readonly levelName: LevelName;
  /** The name of the logger that it came through. */
  readonly loggerName: string;
  readonly #args: readonly unknown[];
  readonly #epochMs: number;

  /** A record of now. Throws an Error for a number that no level has. */
  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
    this.#epochMs = Date.now();
  }

  /** The arguments that came with the message: a fresh copy. */
  get args(): unknown[] {
    return [...this.#args];
  }

  /** When the record was made: a fresh copy. */
  get datetime(): Date {
    return new Date(this.#epochMs);
  }
}
