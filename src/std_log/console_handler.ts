/**
 * A handler that writes to the console.
 * @module
 */
import process from "node:process";
import { BaseHandler, type BaseHandlerOptions } from "./base_handler.ts";
import { type LevelName, type LogLevel, LogLevels } from "./levels.ts";
import type { LogRecord } from "./_record.ts";

/** The options of a console handler. */
export interface ConsoleHandlerOptions extends BaseHandlerOptions {
  /** Whether a line has the colour of its level; the default is true. */
  useColors?: boolean;
}

/** The escape sequences that set and reset each colour (ECMA-48, SGR). */
const colors: { readonly [level: number]: readonly [string, string] } = {
  [LogLevels.INFO]: ["\x1b[34m", "\x1b[39m"], // blue
  [LogLevels.WARN]: ["\x1b[33m", "\x1b[39m"], // yellow
  [LogLevels.ERROR]: ["\x1b[31m", "\x1b[39m"], // red
  [LogLevels.CRITICAL]: ["\x1b[1m\x1b[31m", "\x1b[39m\x1b[22m"], // bold red
};

/**
 * Writes lines with console.log at all levels, in the colour of the level. If the
 * environment variable NO_COLOR is set (no-color.org), lines have no colour.
 */
export class ConsoleHandler extends BaseHandler {
  readonly #useColors: boolean;

  /** Throws an Error if no level has this name. */
  constructor(levelName: LevelName, options: ConsoleHandlerOptions = {}) {
    super(levelName, options);
    this.#useColors = (options.useColors ?? true) && !process.env.NO_COLOR;
  }

  /** Formats a record as a line in the colour of its level. */
  override format(logRecord: LogRecord): string {
    const line = super.format(logRecord);
    return this.#useColors ? color(line, logRecord.level) : line;
  }

  /** Writes a line with console.log. */
  override log(msg: string): void {
    console.log(msg);
  }
}

function color(line: string, level: LogLevel): string {
  const [set, reset] = colors[level] ?? ["", ""];
  return set + line + reset;
}
