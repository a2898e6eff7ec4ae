/**
 * The buffer for the addresses of sockets that the kernel gives.
 * @module
 */
import { SOCKET_ADDRESS_BYTES } from "./socket_address.ts";

/** The buffer for the addresses of all calls, because a walk over descriptors makes thousands. */
export const ADDRESS = new Uint8Array(SOCKET_ADDRESS_BYTES);
const LENGTH = new Uint32Array(1);
const LENGTH_BYTES = new Uint8Array(LENGTH.buffer);

/**
 * Clears `ADDRESS`, and returns the length argument for it: a socket without a name fills only a
 * few bytes.
 */
export function addressLength(): Uint8Array {
  ADDRESS.fill(0);
  LENGTH[0] = ADDRESS.length;
  return LENGTH_BYTES;
}
