/**
 * Links, their addresses and their neighbours: rtnetlink(7).
 * @module
 */
import type { Libc } from "./libc.ts";
import { LinkAddresses } from "./link_addresses.ts";
import { Netlink } from "./netlink.ts";
import {
  type Attribute,
  attributesOf,
  payloadOf,
  viewOf,
} from "./netlink_bytes.ts";
import { Routes } from "./routes.ts";
import { AF_UNSPEC } from "./socket_constants.ts";

/** linux/netlink.h */
const NETLINK_ROUTE = 0;

/** linux/rtnetlink.h */
const RTM = {
  NEWLINK: 16,
  GETLINK: 18,
  DELNEIGH: 29,
  GETNEIGH: 30,
} as const;

/** linux/if_link.h, linux/if.h */
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4 } as const;
const IFINFOMSG_BYTES = 16;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;

/** linux/neighbour.h: the states of entries that a user added; these entries stay. */
const NUD_FIXED = 0x40 | 0x80; // NUD_NOARP, NUD_PERMANENT
const NDMSG_BYTES = 12;
const NDA_DST = 1;

/** An interface. */
export interface Link {
  readonly index: number;
  readonly name: string;
  readonly loopback: boolean;
  readonly up: boolean;
  /** The MAC address, 6 bytes; empty if the link has none. */
  readonly mac: Uint8Array;
  /** The bytes of the largest packet. */
  readonly mtu: number;
}

/** The network of this machine. Each change throws a SystemCallError if the kernel refuses. */
export class Network implements Disposable {
  readonly addresses: LinkAddresses;
  readonly routes: Routes;
  readonly #netlink: Netlink;

  constructor(libc: Libc) {
    this.#netlink = new Netlink(libc, NETLINK_ROUTE);
    this.addresses = new LinkAddresses(this.#netlink);
    this.routes = new Routes(this.#netlink);
  }

  [Symbol.dispose](): void {
    this.#netlink[Symbol.dispose]();
  }

  /** Lists the interfaces. */
  links(): Link[] {
    const struct = new Uint8Array(IFINFOMSG_BYTES);
    return this.#netlink.list(RTM.GETLINK, struct, "the links").map(
      (payload) => {
        const attributes = attributesOf(payload, IFINFOMSG_BYTES);
        const flags = viewOf(payload).getUint32(8, true);
        return {
          index: viewOf(payload).getInt32(4, true),
          name: textOf(attributes.get(IFLA.IFNAME)),
          loopback: (flags & IFF_LOOPBACK) !== 0,
          up: (flags & IFF_UP) !== 0,
          mac: attributes.get(IFLA.ADDRESS) ?? new Uint8Array(),
          mtu: numberOf(attributes.get(IFLA.MTU)),
        };
      },
    );
  }

  /** Sets the MAC address of an interface. */
  setMac(link: number, mac: Uint8Array): void {
    this.#setLink(link, 0, 0, [[IFLA.ADDRESS, mac]]);
  }

  /** Sets the bytes of the largest packet of an interface. */
  setMtu(link: number, mtu: number): void {
    const bytes = new Uint8Array(4);
    viewOf(bytes).setUint32(0, mtu, true);
    this.#setLink(link, 0, 0, [[IFLA.MTU, bytes]]);
  }

  /** Sets an interface up or down. */
  setUp(link: number, up: boolean): void {
    this.#setLink(link, up ? IFF_UP : 0, IFF_UP, []);
  }

  /** Removes the learned neighbours of a link, IPv4 and IPv6. Returns their number. */
  flushNeighbours(link: number): number {
    const struct = new Uint8Array(NDMSG_BYTES);
    struct[0] = AF_UNSPEC;
    const learned = this.#netlink.list(RTM.GETNEIGH, struct, "the neighbours")
      .filter((payload) =>
        viewOf(payload).getInt32(4, true) === link &&
        (viewOf(payload).getUint16(8, true) & NUD_FIXED) === 0
      );
    for (const entry of learned) {
      const address = attributesOf(entry, NDMSG_BYTES).get(NDA_DST);
      if (address === undefined) continue;
      const key = entry.slice(0, NDMSG_BYTES);
      const payload = payloadOf(key, [[NDA_DST, address]]);
      const change = { type: RTM.DELNEIGH, payload };
      this.#netlink.change(change, "forget", "a neighbour");
    }
    return learned.length;
  }

  #setLink(
    link: number,
    flags: number,
    change: number,
    attributes: Attribute[],
  ): void {
    const struct = new Uint8Array(IFINFOMSG_BYTES);
    viewOf(struct).setInt32(4, link, true);
    viewOf(struct).setUint32(8, flags, true);
    viewOf(struct).setUint32(12, change, true);
    const payload = payloadOf(struct, attributes);
    this.#netlink.change({ type: RTM.NEWLINK, payload }, "change", "the link");
  }
}

function numberOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : viewOf(bytes).getUint32(0, true);
}

/** Decodes a text that ends with a zero byte. */
function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes?.subarray(0, -1));
}
