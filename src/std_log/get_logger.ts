/**
 * Finds a logger by its name.
 * @module
 */
import { Logger } from "./logger.ts";
// Imported for its effect: it creates the default logger.
import "./setup.ts";
import { loggers } from "./_state.ts";

/**
 * Returns the logger of this name; without a name, the default logger. If `setup`
 * did not create a logger of this name, creates one at level NOTSET without handlers,
 * which exists until the next setup.
 */
export function getLogger(name?: string): Logger {
  const wanted = name || "default";
  let logger = loggers.get(wanted);
  if (logger === undefined) {
    logger = new Logger(wanted, "NOTSET", { handlers: [] });
    loggers.set(wanted, logger);
  }
  return logger;
}
