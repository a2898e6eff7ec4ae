/**
 * IPv4 addresses.
 * @module
 */

/** Returns the four bytes of an address that is known to be valid. */
export function ipv4Bytes(address: string): Uint8Array {
  return new Uint8Array(address.split(".").map(Number));
}
