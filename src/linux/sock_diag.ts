/**
 * Lists and destroys the TCP connections of every process: sock_diag(7).
 * @module
 */
import { hasCode, messageOf } from "../util/errors.ts";
import { formatIp } from "./ip.ts";
import type { Libc } from "./libc.ts";
import { Netlink } from "./netlink.ts";
import { attributesOf, payloadOf, viewOf } from "./netlink_bytes.ts";
import { AF_INET, AF_INET6, IPPROTO_TCP } from "./socket_constants.ts";
import { parseTcpInfo } from "./tcp_info.ts";

/** The protocol of the netlink socket, linux/netlink.h. */
const NETLINK_SOCK_DIAG = 4;
/** Requests, linux/sock_diag.h. SOCK_DESTROY needs Linux 4.5 and CONFIG_INET_DIAG_DESTROY. */
const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;

const FAMILIES = [AF_INET, AF_INET6] as const;

/**
 * The mask of the states with a peer (net/tcp_states.h): established, syn-sent, syn-recv,
 * fin-wait-1, fin-wait-2, close-wait, last-ack, closing. Without time-wait, in which no process
 * uses the connection.
 */
const STATES = [1, 2, 3, 4, 5, 8, 9, 11].reduce(
  (mask, state) => mask | 1 << state,
  0,
);
const ESTABLISHED = 1;
const LISTEN = 10;

/** struct inet_diag_msg: its bytes, and the offset of the identity of the socket. */
const MESSAGE_BYTES = 72;
const MESSAGE_IDENTITY = 4;
/** struct inet_diag_sockid: ports, addresses, interface, cookie. */
const IDENTITY_BYTES = 48;
const COOKIE = 40;
/** The identity in a request that lists every connection. */
const ANY_SOCKET = new Uint8Array(IDENTITY_BYTES);
/** struct inet_diag_req_v2: family, protocol, extensions, pad, states, identity. */
const REQUEST_BYTES = 8 + IDENTITY_BYTES;
/** The attribute with struct tcp_info, and its bit among the extensions. */
const INET_DIAG_INFO = 2;

/** Which sockets, and what the kernel tells about each. */
interface Query {
  readonly states: number;
  readonly extensions: number;
}
const CONNECTIONS: Query = {
  states: STATES,
  extensions: 1 << (INET_DIAG_INFO - 1),
};
const LISTENERS: Query = { states: 1 << LISTEN, extensions: 0 };

/** One connection of any process in this network namespace. */
export interface TcpConnection {
  readonly local: string;
  readonly localPort: number;
  readonly remote: string;
  readonly remotePort: number;
  readonly established: boolean;
  /** Milliseconds since the last packet of the peer; undefined if the kernel gives no number. */
  readonly silentMs: number | undefined;
  /** The kernel's number of the connection. No later connection has the same. */
  readonly cookie: number;
  /** The kernel's identity of the connection, including the cookie. */
  readonly identity: SocketIdentity;
}

/** The family of a socket and its `inet_diag_sockid`, which includes the cookie. */
export interface SocketIdentity {
  readonly family: number;
  readonly bytes: Uint8Array;
}

/** The result of destroying a connection. */
export type Destroyed = "destroyed" | "gone" | { readonly failed: string };

/** The kernel's table of TCP connections. Holds a netlink socket until it is disposed of. */
export class TcpTable implements Disposable {
  readonly #netlink: Netlink;

  /** Opens the table; throws if the kernel refuses the socket. */
  constructor(libc: Libc) {
    this.#netlink = new Netlink(libc, NETLINK_SOCK_DIAG);
  }

  [Symbol.dispose](): void {
    this.#netlink[Symbol.dispose]();
  }

  /** Lists the connections of IPv4 and IPv6; throws if the kernel cannot list those of IPv4. */
  list(): TcpConnection[] {
    return FAMILIES.flatMap((family) => this.#listFamily(family, CONNECTIONS))
      .map(parse);
  }

  /**
   * Lists the addresses of the sockets that listen, in the same way. The kernel does not walk through
   * its connections, as it does for /proc/net/tcp.
   */
  listListening(): { readonly address: string; readonly port: number }[] {
    return FAMILIES.flatMap((family) => this.#listFamily(family, LISTENERS))
      .map((payload) => {
        const at = MESSAGE_IDENTITY;
        return {
          address: addressOf(payload[0], payload.subarray(at + 4, at + 20)),
          port: viewOf(payload).getUint16(at), // in the network's order
        };
      });
  }

  /**
   * Destroys connections: a program that reads or writes one gets ECONNABORTED at once. The kernel
   * sends the peer a reset if it can. A connection that cannot be destroyed does not throw.
   */
  destroy(identities: readonly SocketIdentity[]): Destroyed[] {
    return identities.map(({ family, bytes }) => {
      const payload = requestFor(family, bytes);
      try {
        const change = { type: SOCK_DESTROY, payload };
        this.#netlink.change(change, "destroy", "a TCP connection");
        return "destroyed";
      } catch (error) {
        if (hasCode(error, "ENOENT")) return "gone";
        return { failed: messageOf(error) };
      }
    });
  }

  #listFamily(family: number, query: Query): Uint8Array[] {
    const payload = requestFor(family, ANY_SOCKET, query);
    try {
      const what = "the TCP connections";
      return this.#netlink.list(SOCK_DIAG_BY_FAMILY, payload, what);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      if (family === AF_INET6) return []; // a kernel without IPv6
      throw new Error(
        "Cannot list the TCP connections: the kernel's module tcp_diag is not loaded; " +
          "load it with modprobe tcp_diag",
        { cause: error },
      );
    }
  }
}

function requestFor(
  family: number,
  identity: Uint8Array,
  { states, extensions }: Query = CONNECTIONS,
): Uint8Array {
  const request = new Uint8Array(REQUEST_BYTES);
  request[0] = family;
  request[1] = IPPROTO_TCP;
  request[2] = extensions;
  new DataView(request.buffer).setUint32(4, states, true);
  request.set(identity, 8);
  return payloadOf(request);
}

function parse(payload: Uint8Array): TcpConnection {
  const view = viewOf(payload);
  const family = payload[0];
  const at = MESSAGE_IDENTITY;
  const info = attributesOf(payload, MESSAGE_BYTES).get(INET_DIAG_INFO);
  return {
    local: addressOf(family, payload.subarray(at + 4, at + 20)),
    localPort: view.getUint16(at), // in the network's order
    remote: addressOf(family, payload.subarray(at + 20, at + 36)),
    remotePort: view.getUint16(at + 2),
    established: payload[1] === ESTABLISHED,
    silentMs: info && parseTcpInfo(info).lastAckReceivedMs,
    cookie: view.getUint32(at + COOKIE, true) +
      view.getUint32(at + COOKIE + 4, true) * 2 ** 32,
    identity: { family, bytes: payload.slice(at, at + IDENTITY_BYTES) },
  };
}

function addressOf(family: number, bytes: Uint8Array): string {
  return formatIp(family === AF_INET ? bytes.subarray(0, 4) : bytes);
}
