/**
 * What the port subsystem needs of a logger.
 * @module
 */

/** Satisfied by a Logger of @std/log. */
export interface PortLog {
  debug(message: string): unknown;
  info(message: string): unknown;
  warn(message: string): unknown;
}
