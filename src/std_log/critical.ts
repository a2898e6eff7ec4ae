/**
 * A message at level CRITICAL through the default logger.
 * @module
 */
import { getLogger } from "./get_logger.ts";
import type { GenericFunction } from "./logger.ts";

/**
 * Logs at level CRITICAL what the function returns, through the default logger;
 * below its level the function is not called.
 */
export function critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
/** Logs a message at level CRITICAL through the default logger; returns it. */
export function critical<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function critical<T>(
  msg: (T extends GenericFunction ? never : T) | (() => T),
  ...args: unknown[]
): T | undefined {
  const logger = getLogger();
  // One call for each overload: a compiler does not try both for a union.
  return typeof msg === "function"
    ? logger.critical(msg as () => T, ...args)
    : logger.critical<T>(msg, ...args);
}
