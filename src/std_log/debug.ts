/**
 * A message at level DEBUG through the default logger.
 * @module
 */
import { getLogger } from "./get_logger.ts";
import type { GenericFunction } from "./logger.ts";

/**
 * Logs at level DEBUG what the function returns, through the default logger;
 * below its level the function is not called.
 */
export function debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
/** Logs a message at level DEBUG through the default logger; returns it. */
export function debug<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function debug<T>(
  msg: (T extends GenericFunction ? never : T) | (() => T),
  ...args: unknown[]
): T | undefined {
  const logger = getLogger();
  // One call for each overload: a compiler does not try both for a union.
  return typeof msg === "function"
    ? logger.debug(msg as () => T, ...args)
    : logger.debug<T>(msg, ...args);
}
