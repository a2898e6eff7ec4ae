/**
 * Sends a message to the service manager: sd_notify(3).
 * @module
 */
import { lastError, type Libc, requireSymbol } from "./libc.ts";
import {
  AF_UNIX,
  MSG_NOSIGNAL,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "./socket_constants.ts";

/** The bytes of `sun_path`, unix(7). */
const PATH_BYTES = 108;
/** Maximum number of seconds that a full queue of the service manager delays the agent. */
const SEND_SECONDS = 1n;

/**
 * Sends a datagram to the socket that `NOTIFY_SOCKET` names: an absolute path, or
 * `@` and an abstract name. Throws an Error if the name is of another form, and a
 * SystemCallError if the service manager cannot be reached.
 */
export function notifyServiceManager(
  libc: Libc,
  socketName: string,
  message: string,
): void {
  const address = addressOf(socketName);
  const on = `the service manager at ${socketName}`;
  const socket = requireSymbol(libc, "socket")(
    AF_UNIX,
    SOCK_DGRAM | SOCK_CLOEXEC,
    0,
  );
  if (socket < 0) throw lastError(libc, "notify", on);
  try {
    // A timeval: the seconds and the microseconds
    const limit = new Uint8Array(BigInt64Array.of(SEND_SECONDS, 0n).buffer);
    requireSymbol(libc, "setsockopt")(
      ...[socket, SOL_SOCKET, SO_SNDTIMEO, limit, limit.length] as const,
    );
    const connect = requireSymbol(libc, "connect");
    if (connect(socket, address, address.length) < 0) {
      throw lastError(libc, "notify", on);
    }
    const bytes = new TextEncoder().encode(message);
    const send = requireSymbol(libc, "send");
    if (send(socket, bytes, BigInt(bytes.length), MSG_NOSIGNAL) < 0) {
      throw lastError(libc, "notify", on);
    }
  } finally {
    requireSymbol(libc, "close")(socket);
  }
}

/** Makes the `sockaddr_un`: a path ends with a zero byte, an abstract name begins with one. */
function addressOf(name: string): Uint8Array {
  const path = new TextEncoder().encode(
    name.startsWith("@") ? `\0${name.slice(1)}` : `${name}\0`,
  );
  if (!/^[/@]./.test(name) || path.length > PATH_BYTES) {
    throw new Error(
      `Cannot notify the service manager at ${name}: expected an absolute path or an abstract name, of ${PATH_BYTES} bytes at most`,
    );
  }
  const address = new Uint8Array(2 + path.length);
  address[0] = AF_UNIX;
  address.set(path, 2);
  return address;
}
