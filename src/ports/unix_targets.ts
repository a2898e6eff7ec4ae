/**
 * The unix sockets of the guest that are served on ports of the forward address
 * (`--forward-unix PATH=PORT`).
 * @module
 */

/** A target that is a unix socket begins like this, before its path. */
const UNIX = "unix:";

/** The path of a target that is a unix socket; undefined for an IP address. */
export function unixPathOf(target: string): string | undefined {
  return target.startsWith(UNIX) ? target.slice(UNIX.length) : undefined;
}

/** The target for a unix socket. */
export function unixTarget(path: string): string {
  return UNIX + path;
}
