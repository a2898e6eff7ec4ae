/**
 * The routes of the main table, and the route to an address: rtnetlink(7), ip-route(8).
 * @module
 */
import { formatIp, parseIp } from "./ip.ts";
import type { Family } from "./link_addresses.ts";
import { CREATE_OR_REPLACE, type Netlink } from "./netlink.ts";
import { attributesOf, payloadOf, viewOf } from "./netlink_bytes.ts";
import { AF_INET, AF_INET6 } from "./socket_constants.ts";

/** Types of messages, and values of their fields, linux/rtnetlink.h. */
const NEWROUTE = 24;
const DELROUTE = 25;
const GETROUTE = 26;
const RT_TABLE_MAIN = 254;
const RTPROT_KERNEL = 2;
const RTPROT_STATIC = 4;
const RTPROT_RA = 9;
const RTPROT_DHCP = 16;
const RTN_UNICAST = 1;
const RTN_LOCAL = 2;
const RTNH_F_ONLINK = 4;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PRIORITY: 6, PREFSRC: 7 } as const;
const RTMSG_BYTES = 12;

/** A route of the main table through an interface. */
export interface LinkRoute {
  readonly family: Family;
  readonly isDefault: boolean;
  /** The destination and its prefix, as `10.9.0.0/16`; of a default route, all zeros. */
  readonly destination: string;
  readonly metric: number;
  readonly link: number;
  readonly gateway: string | undefined;
  /** The address that packets by this route come from, if the route says it. */
  readonly source: string | undefined;
  /** The kernel itself made the route, together with an address. */
  readonly byKernel: boolean;
  /** A DHCP client or a router gave the route, and may give another one. */
  readonly isLeased: boolean;
  readonly payload: Uint8Array;
}

/** The routes, over a socket that the owner of this object closes. */
export class Routes {
  readonly #netlink: Netlink;

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Lists the routes of the main table of one family. */
  list(family: Family = AF_INET): LinkRoute[] {
    const struct = new Uint8Array(RTMSG_BYTES);
    struct[0] = family;
    return this.#netlink.list(GETROUTE, struct, "the routes")
      // A kernel without IPv6 answers with the routes of all families.
      .filter((payload) =>
        payload[0] === family && payload[4] === RT_TABLE_MAIN
      )
      .map((payload) => {
        const attributes = attributesOf(payload, RTMSG_BYTES);
        const gateway = attributes.get(RTA.GATEWAY);
        const source = attributes.get(RTA.PREFSRC);
        return {
          family,
          isDefault: payload[1] === 0,
          destination: `${formatIp(attributes.get(RTA.DST) ?? anyOf(family))}/${
            payload[1]
          }`,
          metric: numberOf(attributes.get(RTA.PRIORITY)) ?? 0,
          link: numberOf(attributes.get(RTA.OIF)) ?? 0,
          gateway: gateway && formatIp(gateway),
          source: source && formatIp(source),
          byKernel: payload[5] === RTPROT_KERNEL,
          isLeased: [RTPROT_RA, RTPROT_DHCP].includes(payload[5]),
          payload: withoutState(payload),
        };
      });
  }

  /**
   * Whether an address of 4 or 16 bytes belongs to this machine: the kernel delivers packets to it
   * locally. Throws if there is no route. An address of this machine always has one.
   */
  isLocal(address: Uint8Array): boolean {
    const struct = new Uint8Array(RTMSG_BYTES);
    struct[0] = address.length === 4 ? AF_INET : AF_INET6;
    struct[1] = address.length * 8;
    const payload = payloadOf(struct, [[RTA.DST, address]]);
    const answer = this.#netlink.ask(GETROUTE, payload, "the route");
    if (answer.type !== NEWROUTE) {
      throw new Error("Cannot find a route: the kernel's answer is no route");
    }
    return answer.payload[7] === RTN_LOCAL; // rtm_type in struct rtmsg
  }

  /** Adds a default route. The gateway need not be in a subnet of the link (RTNH_F_ONLINK). */
  addDefault(link: number, gateway: string): void {
    const bytes = parseIp(gateway)!;
    const struct = new Uint8Array(RTMSG_BYTES);
    struct[0] = bytes.length === 4 ? AF_INET : AF_INET6;
    struct.set([RT_TABLE_MAIN, RTPROT_STATIC, 0, RTN_UNICAST], 4);
    viewOf(struct).setUint32(8, RTNH_F_ONLINK, true);
    const output = new Uint8Array(4);
    viewOf(output).setInt32(0, link, true);
    const payload = payloadOf(struct, [
      [RTA.GATEWAY, bytes],
      [RTA.OIF, output],
    ]);
    this.restore({ gateway, payload });
  }

  /** Adds a route again that was listed before, or replaces it. */
  restore({ gateway, payload }: Pick<LinkRoute, "gateway" | "payload">) {
    const change = { type: NEWROUTE, payload, flags: CREATE_OR_REPLACE };
    this.#netlink.change(change, "add a route by", gateway ?? "a link");
  }

  /** Removes a route. */
  remove({ gateway, payload }: LinkRoute): void {
    const change = { type: DELROUTE, payload };
    this.#netlink.change(change, "remove a route by", gateway ?? "a link");
  }
}

/** The route without its source address: the kernel chooses one for each connection. */
export function withoutSource(route: LinkRoute): LinkRoute {
  const attributes = [...attributesOf(route.payload, RTMSG_BYTES)]
    .filter(([type]) => type !== RTA.PREFSRC);
  const struct = route.payload.slice(0, RTMSG_BYTES);
  const payload = payloadOf(struct, attributes);
  return { ...route, source: undefined, payload };
}

/** Clears the flags of a route that are its state: the kernel accepts only the other flags. */
function withoutState(route: Uint8Array): Uint8Array {
  const view = viewOf(route);
  view.setUint32(8, view.getUint32(8, true) & RTNH_F_ONLINK, true);
  return route;
}

function anyOf(family: Family): Uint8Array {
  return new Uint8Array(family === AF_INET ? 4 : 16);
}

function numberOf(bytes: Uint8Array | undefined): number | undefined {
  return bytes && viewOf(bytes).getUint32(0, true);
}
