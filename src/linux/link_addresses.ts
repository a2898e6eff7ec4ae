/**
 * The addresses of links: rtnetlink(7).
 * @module
 */
import { formatIp, parseIp } from "./ip.ts";
import { CREATE_OR_REPLACE, type Netlink } from "./netlink.ts";
import {
  type Attribute,
  attributesOf,
  payloadOf,
  viewOf,
} from "./netlink_bytes.ts";
import { AF_INET, AF_INET6 } from "./socket_constants.ts";

/** linux/rtnetlink.h */
const RTM = { NEWADDR: 20, DELADDR: 21, GETADDR: 22 } as const;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;

/** linux/if_addr.h */
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const;
const IFADDRMSG_BYTES = 8;
/**
 * An IPv6 address works at once, without a search for another machine that has it. The host gives
 * each fork its own address.
 */
const IFA_F_NODAD = 0x02;
const IFA_F_PERMANENT = 0x80;

/** The family of an address. */
export type Family = typeof AF_INET | typeof AF_INET6;

/** An address of an interface. */
export interface LinkAddress {
  readonly family: Family;
  /** In the form of `formatIp`. */
  readonly address: string;
  readonly prefix: number;
  /** Whether other links, too, can reach the address: it is neither link-local nor narrower. */
  readonly global: boolean;
  /** The address has no end: no DHCP client and no router gave it. */
  readonly permanent: boolean;
  /** The kernel's message about the address. Sending it back restores the address. */
  readonly payload: Uint8Array;
}

/** The addresses, over a socket that the owner of this object closes. */
export class LinkAddresses {
  readonly #netlink: Netlink;

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  /** Lists the addresses of an interface, IPv4 first. */
  list(link: number): LinkAddress[] {
    return [...this.#listOf(link, AF_INET), ...this.#listOf(link, AF_INET6)];
  }

  #listOf(link: number, family: Family): LinkAddress[] {
    const struct = new Uint8Array(IFADDRMSG_BYTES);
    struct[0] = family;
    return this.#netlink.list(RTM.GETADDR, struct, "the addresses")
      // A kernel without IPv6 answers with the addresses of all families.
      .filter((payload) =>
        payload[0] === family && viewOf(payload).getUint32(4, true) === link
      )
      .map((payload) => {
        const attributes = attributesOf(payload, IFADDRMSG_BYTES);
        const bytes = attributes.get(IFA.LOCAL) ?? attributes.get(IFA.ADDRESS);
        return {
          ...{ family, address: formatIp(bytes!), prefix: payload[1] },
          global: payload[3] === RT_SCOPE_UNIVERSE,
          permanent: (payload[2] & IFA_F_PERMANENT) !== 0,
          payload,
        };
      });
  }

  /** Adds an address with its prefix length. */
  add(link: number, address: string, prefix: number): void {
    const bytes = parseIp(address)!;
    const struct = new Uint8Array(IFADDRMSG_BYTES);
    struct[0] = bytes.length === 4 ? AF_INET : AF_INET6;
    struct[1] = prefix;
    if (bytes.length === 16) struct[2] = IFA_F_NODAD;
    if (isLinkLocal6(bytes)) struct[3] = RT_SCOPE_LINK;
    viewOf(struct).setUint32(4, link, true);
    const attributes: Attribute[] = [[IFA.LOCAL, bytes], [IFA.ADDRESS, bytes]];
    // RFC 3021: a network of one or two addresses has no broadcast address.
    if (bytes.length === 4 && prefix < 31) {
      attributes.push([IFA.BROADCAST, broadcastOf(bytes, prefix)]);
    }
    this.restore({ address, payload: payloadOf(struct, attributes) });
  }

  /** Adds an address again that was listed before. */
  restore({ address, payload }: Pick<LinkAddress, "address" | "payload">) {
    const change = { type: RTM.NEWADDR, payload, flags: CREATE_OR_REPLACE };
    this.#netlink.change(change, "add address", address);
  }

  /** Removes an address. */
  remove({ address, payload }: Pick<LinkAddress, "address" | "payload">): void {
    const change = { type: RTM.DELADDR, payload };
    this.#netlink.change(change, "remove address", address);
  }
}

/** Whether the bytes are in fe80::/10 (RFC 4291, 2.5.6). */
export function isLinkLocal6(bytes: Uint8Array): boolean {
  return bytes.length === 16 && bytes[0] === 0xfe && (bytes[1] & 0xc0) === 0x80;
}

function broadcastOf(address: Uint8Array, prefix: number): Uint8Array {
  return address.map((byte, i) =>
    byte | 0xff >> Math.min(8, Math.max(0, prefix - i * 8))
  );
}
