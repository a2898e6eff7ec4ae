/**
 * A logger by its name.
 * @module
 */
import { Logger } from "./logger.ts";
// For its effect too: there is a default logger from the first import on.
import "./setup.ts";
import { loggers } from "./_state.ts";

/**
 * The logger of that name: one that `setup` made, else one at NOTSET without
 * handlers, the same one each time until the next setup. No name gives the
 * default logger.
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
