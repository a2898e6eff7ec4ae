/**
 * Logs at level INFO through the default logger.
 * @module
 */
import { getLogger } from "./get_logger.ts";
import type { GenericFunction } from "./logger.ts";

/**
 * Logs the result of the function at level INFO through the default logger, and
 * returns it. If the logger ignores this level, the function is not called.
 */
export function info<T>(msg: () => T, ...args: unknown[]): T | undefined;
/** Logs a message at level INFO through the default logger, and returns it. */
export function info<T>(
  msg: T extends GenericFunction ? never : T,
  ...args: unknown[]
): T;
export function info<T>(
  msg: (T extends GenericFunction ? never : T) | (() => T),
  ...args: unknown[]
): T | undefined {
  const logger = getLogger();
  // One call for each overload, because TypeScript does not match a union to both.
  return typeof msg === "function"
    ? logger.info(msg as () => T, ...args)
    : logger.info<T>(msg, ...args);
}
