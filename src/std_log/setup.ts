/**
 * Where the records of each logger go. Importing this module sets up the
 * defaults: a logger named `default`, at INFO, on the console.
 * @module
 */
import type { BaseHandler } from "./base_handler.ts";
import { ConsoleHandler } from "./console_handler.ts";
import { Logger, type LoggerConfig } from "./logger.ts";
import { handlers, loggers } from "./_state.ts";

/** What `setup` takes; each part is laid over the defaults name by name. */
export interface LogConfig {
  /** The handlers, by the names that loggers call them. */
  handlers?: { [name: string]: BaseHandler };
  /** The loggers, by name. */
  loggers?: { [name: string]: LoggerConfig };
}

const defaults: Required<LogConfig> = {
  handlers: { default: new ConsoleHandler("INFO") },
  loggers: { default: { level: "INFO", handlers: ["default"] } },
};

/**
 * Destroys the handlers of the last setup, sets up the new ones and makes all
 * loggers anew; a logger from before goes on with its old handlers. A logger
 * without a level has INFO. Throws an Error for a name that no level has.
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
