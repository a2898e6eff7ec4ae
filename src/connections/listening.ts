/**
 * Where the agent listens.
 * @module
 */

/** The addresses of each kind. */
export interface Listening {
  readonly ports: readonly number[];
  /** The paths of unix sockets. */
  readonly paths: readonly string[];
  /** vsock ports, as `vsock:PORT`. */
  readonly vsock: readonly string[];
}
