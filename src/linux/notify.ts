/**
 * Sends a message to the service manager: sd_notify(3).
 * @module
 */
import { checked, type Libc, requireSymbol } from "./libc.ts";
import { UNIX_PATH_BYTES, unixAddress } from "./socket_address.ts";
import {
  AF_UNIX,
  MSG_NOSIGNAL,
  SO_SNDTIMEO,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOL_SOCKET,
} from "./socket_constants.ts";
import { setSocketOption, timeval } from "./socket_option.ts";

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
  const address = unixAddress(socketName);
  if (address === undefined) {
    throw new Error(
      `Cannot notify the service manager at ${socketName}: expected an absolute path or an abstract name, of ${UNIX_PATH_BYTES} bytes at most`,
    );
  }
  const on = `the service manager at ${socketName}`;
  const check = (result: number) => checked(libc, result, "notify", on);
  const type = SOCK_DGRAM | SOCK_CLOEXEC;
  const socket = check(requireSymbol(libc, "socket")(AF_UNIX, type, 0));
  try {
    const limit = timeval(SEND_SECONDS);
    setSocketOption(libc, socket, SOL_SOCKET, SO_SNDTIMEO, limit);
    const connect = requireSymbol(libc, "connect");
    check(connect(socket, address, address.length));
    const bytes = new TextEncoder().encode(message);
    const send = requireSymbol(libc, "send");
    check(send(socket, bytes, BigInt(bytes.length), MSG_NOSIGNAL));
  } finally {
    requireSymbol(libc, "close")(socket);
  }
}
