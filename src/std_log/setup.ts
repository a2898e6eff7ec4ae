/**
 * Configures handlers and loggers. Importing this module sets up the defaults: a
 * logger named `default`, at level INFO, that writes to the console.
 * @module
 */
import type { BaseHandler } from "./base_handler.ts";
import { ConsoleHandler } from "./console_handler.ts";
import { Logger, type LoggerConfig } from "./logger.ts";
import { handlers, loggers } from "./_state.ts";

/** The configuration for `setup`. An entry replaces the default entry of its name. */
export interface LogConfig {
  /** The handlers, by the names that loggers use for them. */
  handlers?: { [name: string]: BaseHandler };
  /** The loggers, by name. */
  loggers?: { [name: string]: LoggerConfig };
}

const defaults: Required<LogConfig> = {
  handlers: { default: new ConsoleHandler("INFO") },
  loggers: { default: { level: "INFO", handlers: ["default"] } },
};

/**
 * Destroys the handlers of the last setup, sets up the new handlers and creates new
 * loggers. A logger of an earlier setup keeps its handlers. A logger without a level
 * has level INFO. Throws an Error if no level has a given name.
 */
export function setup(config: LogConfig): void {
  for (const handler of handlers.values()) handler.destroy();
  handlers.clear();
  loggers.clear();
  const chosen = { ...defaults.handlers, ...config.handlers };
  for (const [name, handler] of Object.entries(chosen)) {
    handler.setup();
    handlers.set(name, handler);
  }
  const wanted = { ...defaults.loggers, ...config.loggers };
  for (
    const [name, { level = "INFO", handlers: names = [] }] of Object.entries(
      wanted,
    )
  ) {
    const known = names.flatMap((name) => handlers.get(name) ?? []);
    loggers.set(name, new Logger(name, level, { handlers: known }));
  }
}

setup({});
