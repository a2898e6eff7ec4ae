/**
 * The header of the PROXY protocol, version 2, which tells a server the address of its client:
 * https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, section 2.2.
 * @module
 */
import { parseIp, unmapIp } from "../linux/ip.ts";

/** The address and the port of a socket. */
export interface SocketName {
  readonly address: string;
  readonly port: number;
}

const SIGNATURE = Uint8Array.of(
  ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a],
  ...[0x51, 0x55, 0x49, 0x54, 0x0a],
);
/** Version 2, and the command: PROXY, or LOCAL if the addresses are not known. */
const PROXY = 0x21;
const LOCAL = 0x20;
/** Families and protocols. */
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;
const UNSPECIFIED = 0x00;

/**
 * Makes the header of a TCP connection: from the client, to the forward address. If an address
 * cannot be parsed, the header says that the server has to use the addresses of its connection.
 */
export function proxyHeader(
  client: SocketName,
  server: SocketName,
): Uint8Array {
  const from = bytesOf(client);
  const to = bytesOf(server);
  if (from === undefined || to === undefined || from.length !== to.length) {
    return Uint8Array.of(...SIGNATURE, LOCAL, UNSPECIFIED, 0, 0);
  }
  const family = from.length === 4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6;
  const length = 2 * from.length + 4;
  return Uint8Array.of(
    ...[...SIGNATURE, PROXY, family, length >> 8, length & 255],
    ...[...from, ...to, ...portBytes(client), ...portBytes(server)],
  );
}

function bytesOf({ address }: SocketName): Uint8Array | undefined {
  const ip = parseIp(address);
  return ip && unmapIp(ip);
}

function portBytes({ port }: SocketName): readonly number[] {
  return [port >> 8, port & 255];
}
