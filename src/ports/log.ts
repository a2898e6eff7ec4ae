/**
 * The methods of a logger that the port subsystem uses.
 * @module
 */

/** Satisfied by a Logger of @std/log. */
export interface PortLog {
  debug(message: string): unknown;
  info(message: string): unknown;
  warn(message: string): unknown;
}
