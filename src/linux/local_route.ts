/**
 * Whether the kernel would deliver to this machine itself what is sent to an
 * address: rtnetlink(7), what `ip route get` asks.
 * @module
 */
import type { Libc } from "./libc.ts";
import { Netlink, payloadOf } from "./netlink.ts";

/** linux/netlink.h */
const NETLINK_ROUTE = 0;
/** linux/rtnetlink.h */
const NEWROUTE = 24;
const GETROUTE = 26;
const RTN_LOCAL = 2;
const RTA_DST = 1;
const RTMSG_BYTES = 12;
/** rtm_type in struct rtmsg */
const TYPE_AT = 7;

const AF_INET = 2;
const AF_INET6 = 10;

/**
 * Asks for one address, 4 or 16 bytes. Throws where the kernel gives no route;
 * to an address of this machine there always is one.
 */
export function isRoutedHere(libc: Libc, address: Uint8Array): boolean {
  using netlink = new Netlink(libc, NETLINK_ROUTE);
  const struct = new Uint8Array(RTMSG_BYTES);
  struct[0] = address.length === 4 ? AF_INET : AF_INET6;
  struct[1] = address.length * 8;
  const payload = payloadOf(struct, [[RTA_DST, address]]);
  const answer = netlink.ask({ type: GETROUTE, payload }, "the route");
  if (answer.type !== NEWROUTE) {
    throw new Error("Cannot find a route: the kernel's answer is no route");
  }
  return answer.payload[TYPE_AT] === RTN_LOCAL;
}
