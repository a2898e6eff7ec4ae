/**
 * Finds the way of a reply: the address of this machine that the caller has reached.
 * @module
 */
import type { ReplyWay } from "../lifecycle/request.ts";
import { ADDRESS, addressLength } from "../linux/address_buffer.ts";
import type { Connection } from "../linux/connection.ts";
import type { Libc } from "../linux/libc.ts";
import { readSocketAddress } from "../linux/socket_address.ts";
import type { Exchange } from "./exchange.ts";
import { keyOf } from "./exchanges.ts";

/** Undefined if the call did not come over the network, or if the kernel cannot be asked. */
export function replyWay(
  libc: Libc,
  list: () => readonly Connection[],
  exchange: Exchange,
): ReplyWay | undefined {
  const { peer } = exchange;
  if (peer === undefined || peer.unix || peer.cid !== undefined) return;
  const key = keyOf(peer);
  const own = list().find((connection) => keyOf(connection.peer) === key);
  if (own === undefined) return undefined;
  if (libc.getsockname?.(own.fd, ADDRESS, addressLength()) !== 0) return;
  const local = readSocketAddress(ADDRESS);
  return local && {
    localAddress: local.address,
    afterLastReply(action) {
      exchange.isLast = true;
      exchange.afterReply(action);
    },
  };
}
