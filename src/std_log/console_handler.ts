/**
 * A handler that writes to the console.
 * @module
 */
import process from "node:process";
import { BaseHandler, type BaseHandlerOptions } from "./base_handler.ts";
import { type LevelName, type LogLevel, LogLevels } from "./levels.ts";
import type { LogRecord } from "./_record.ts";

/** How a console handler is made. */
export interface ConsoleHandlerOptions extends BaseHandlerOptions {
  /** Whether a line has the colour of its level; true if absent. */
  useColors?: boolean;
}

/** ECMA-48, Select Graphic Rendition: what to set and what resets it. */
const colors: { readonly [level: number]: readonly [string, string] } = {
  [LogLevels.INFO]: ["\x1b[34m", "\x1b[39m"], // blue
  [LogLevels.WARN]: ["\x1b[33m", "\x1b[39m"], // yellow
  [LogLevels.ERROR]: ["\x1b[31m", "\x1b[39m"], // red
  [LogLevels.CRITICAL]: ["\x1b[1m\x1b[31m", "\x1b[39m\x1b[22m"], // bold red
};

/**
 * Writes lines with console.log at all levels, coloured by level. Never
 * coloured where NO_COLOR is set (no-color.org).
 */
export class ConsoleHandler extends BaseHandler {
  readonly #useColors: boolean;

  /** Throws an Error for a name that no level has. */
  constructor(levelName: LevelName, options: ConsoleHandlerOptions = {}) {
    super(levelName, options);
    this.#useColors = (options.useColors ?? true) && !process.env.NO_COLOR;
  }

  /** The line of a record, in the colour of its level. */
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
