/**
 * Links, their IPv4 addresses and their neighbours: rtnetlink(7).
 * @module
 */
import { parseIp } from "./ip.ts";
import type { Libc } from "./libc.ts";
import { CREATE_OR_REPLACE, Netlink } from "./netlink.ts";
import {
  type Attribute,
  attributesOf,
  payloadOf,
  viewOf,
} from "./netlink_bytes.ts";
import { Routes } from "./routes.ts";
import { AF_INET, AF_UNSPEC } from "./socket_constants.ts";

/** linux/netlink.h */
const NETLINK_ROUTE = 0;

/** linux/rtnetlink.h */
const RTM = {
  NEWLINK: 16,
  GETLINK: 18,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  DELNEIGH: 29,
  GETNEIGH: 30,
} as const;

/** linux/if_link.h, linux/if.h */
const IFLA = { ADDRESS: 1, IFNAME: 3 } as const;
const IFINFOMSG_BYTES = 16;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;

/** linux/if_addr.h */
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const;
const IFADDRMSG_BYTES = 8;

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
}

/** An IPv4 address of an interface. */
export interface LinkAddress {
  readonly address: string;
  readonly prefix: number;
  /** The kernel's message about the address. Sending it back restores the address. */
  readonly payload: Uint8Array;
}

/** The network of this machine. Each change throws a SystemCallError if the kernel refuses. */
export class Network implements Disposable {
  readonly routes: Routes;
  readonly #netlink: Netlink;

  constructor(libc: Libc) {
    this.#netlink = new Netlink(libc, NETLINK_ROUTE);
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
        };
      },
    );
  }

  /** Sets the MAC address of an interface. */
  setMac(link: number, mac: Uint8Array): void {
    this.#setLink(link, 0, 0, [[IFLA.ADDRESS, mac]]);
  }

  /** Sets an interface up or down. */
  setUp(link: number, up: boolean): void {
    this.#setLink(link, up ? IFF_UP : 0, IFF_UP, []);
  }

  /** Lists the IPv4 addresses of an interface. */
  addresses(link: number): LinkAddress[] {
    const struct = new Uint8Array(IFADDRMSG_BYTES);
    struct[0] = AF_INET;
    return this.#netlink.list(RTM.GETADDR, struct, "the addresses")
      .filter((payload) => viewOf(payload).getUint32(4, true) === link)
      .map((payload) => {
        const attributes = attributesOf(payload, IFADDRMSG_BYTES);
        const bytes = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS);
        return { address: bytes!.join("."), prefix: payload[1], payload };
      });
  }

  /** Adds an IPv4 address with its prefix length. */
  addAddress(link: number, address: string, prefix: number): void {
    const struct = new Uint8Array(IFADDRMSG_BYTES);
    struct[0] = AF_INET;
    struct[1] = prefix;
    viewOf(struct).setUint32(4, link, true);
    const bytes = parseIp(address)!;
    const attributes: Attribute[] = [[IFA.LOCAL, bytes], [IFA.ADDRESS, bytes]];
    // RFC 3021: a network of one or two addresses has no broadcast address.
    if (prefix < 31) {
      attributes.push([IFA.BROADCAST, broadcastOf(bytes, prefix)]);
    }
    this.restoreAddress({ address, payload: payloadOf(struct, attributes) });
  }

  /** Adds an address again that was listed before. */
  restoreAddress({ address, payload }: Omit<LinkAddress, "prefix">): void {
    const change = { type: RTM.NEWADDR, payload, flags: CREATE_OR_REPLACE };
    this.#netlink.change(change, "add address", address);
  }

  /** Removes an address. */
  removeAddress({ address, payload }: LinkAddress): void {
    const change = { type: RTM.DELADDR, payload };
    this.#netlink.change(change, "remove address", address);
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

function broadcastOf(address: Uint8Array, prefix: number): Uint8Array {
  return address.map((byte, i) =>
    byte | 0xff >> Math.min(8, Math.max(0, prefix - i * 8))
  );
}

/** Decodes a text that ends with a zero byte. */
function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes?.subarray(0, -1));
}
