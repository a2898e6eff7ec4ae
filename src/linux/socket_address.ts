/**
 * Converts socket addresses of the kernel from and to text.
 * @module
 */
import type { Peer } from "../runtime/types.ts";
import { formatIp, parseIp } from "./ip.ts";
import { AF_INET, AF_INET6, AF_UNIX, AF_VSOCK } from "./socket_constants.ts";

/** The bytes of the largest address that the kernel gives (sockaddr_storage). */
export const SOCKET_ADDRESS_BYTES = 128;

/**
 * Reads the port of a `sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)); undefined for any other
 * family. The family is in the machine's byte order, the port in the network's.
 */
export function readPort(bytes: Uint8Array): number | undefined {
  const family = readFamily(bytes);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  return bytes[2] << 8 | bytes[3];
}

/**
 * Reads the path of a `sockaddr_un` (unix(7)); undefined for any other family and for a socket
 * without a path.
 */
export function readUnixPath(bytes: Uint8Array): string | undefined {
  if (readFamily(bytes) !== AF_UNIX) return undefined;
  const end = bytes.indexOf(0, 2);
  if (end === 2) return undefined;
  return new TextDecoder().decode(bytes.subarray(2, end === -1 ? 110 : end));
}

/** Reads `vsock:PORT` from a `sockaddr_vm`; undefined for any other family. */
export function readVsockName(bytes: Uint8Array): string | undefined {
  const port = readVsockAddress(bytes)?.port;
  return port === undefined ? undefined : `vsock:${port}`;
}

/** Reads the CID and the port of a `sockaddr_vm` (vsock(7)); undefined for any other family. */
function readVsockAddress(
  bytes: Uint8Array,
): { readonly cid: number; readonly port: number } | undefined {
  if (readFamily(bytes) !== AF_VSOCK) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { port: view.getUint32(4, true), cid: view.getUint32(8, true) };
}

/**
 * Reads the peer of an IP or vsock address; an IPv4-mapped IPv6 address as IPv4. Undefined for
 * other families.
 */
export function readSocketAddress(bytes: Uint8Array): Peer | undefined {
  const vsock = readVsockAddress(bytes);
  if (vsock !== undefined) {
    return { address: `vsock:${vsock.cid}`, ...vsock };
  }
  const port = readPort(bytes);
  if (port === undefined) return undefined;
  const ip = readFamily(bytes) === AF_INET
    ? bytes.subarray(4, 8)
    : bytes.subarray(8, 24);
  return { address: formatIp(ip), port };
}

/**
 * Makes the `sockaddr_in` or `sockaddr_in6` of an IP address; undefined if the text is none.
 * Without flow and scope, so not for link-local addresses.
 */
export function socketAddress(
  address: string,
  port: number,
): { readonly family: number; readonly bytes: Uint8Array } | undefined {
  const ip = parseIp(address);
  if (ip === undefined) return undefined;
  const [family, length, offset] = ip.length === 4
    ? [AF_INET, 16, 4]
    : [AF_INET6, 28, 8];
  const bytes = new Uint8Array(length);
  bytes.set([family & 255, family >> 8, port >> 8, port & 255]);
  bytes.set(ip, offset);
  return { family, bytes };
}

/** The bytes of `sun_path`, unix(7). */
export const UNIX_PATH_BYTES = 108;

/**
 * Makes the `sockaddr_un` of an absolute path, which ends with a zero byte, or of `@` and an abstract
 * name, which begins with one. Undefined for any other name, and for one that is too long.
 */
export function unixAddress(name: string): Uint8Array | undefined {
  const path = new TextEncoder().encode(
    name.startsWith("@") ? `\0${name.slice(1)}` : `${name}\0`,
  );
  if (!/^[/@]./.test(name) || path.length > UNIX_PATH_BYTES) return undefined;
  const address = new Uint8Array(2 + path.length);
  address[0] = AF_UNIX;
  address.set(path, 2);
  return address;
}

/** The address family: the first 16 bits of every socket address, in the order of x64 and arm64. */
export function readFamily(bytes: Uint8Array): number {
  return bytes[0] | bytes[1] << 8;
}
