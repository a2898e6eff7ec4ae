/**
 * IPv4 addresses.
 * @module
 */

/** The four bytes of an address that was checked before. */
export function ipv4Bytes(address: string): Uint8Array {
  return new Uint8Array(address.split(".").map(Number));
}
