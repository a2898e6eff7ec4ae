/**
 * The IPv6 addresses of an interface that derive from its MAC address (RFC 4291, appendix A).
 * @module
 */
import { formatIp, parseIp } from "../linux/ip.ts";
import { isLinkLocal6, type LinkAddress } from "../linux/link_addresses.ts";
import { attributesOf, payloadOf, viewOf } from "../linux/netlink_bytes.ts";

/** linux/if_addr.h */
const IFA = { ADDRESS: 1, CACHEINFO: 6, FLAGS: 8 } as const;
const IFADDRMSG_BYTES = 8;
const IFA_F_NODAD = 0x02;
/** IFA_F_MANAGETEMPADDR and IFA_F_NOPREFIXROUTE: the flags that a user sets. */
const KEPT_FLAGS = 0x100 | 0x200;

/** The last 8 bytes of such an address. */
export function interfaceId(mac: Uint8Array): Uint8Array {
  return Uint8Array.of(
    mac[0] ^ 2,
    ...[mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5]],
  );
}

/** Whether the address derives from the MAC address. */
export function derivesFrom(
  { address }: LinkAddress,
  mac: Uint8Array,
): boolean {
  const bytes = parseIp(address)!;
  if (bytes.length !== 16 || mac.length !== 6) return false;
  const id = interfaceId(mac);
  return id.every((byte, i) => byte === bytes[8 + i]);
}

/** The address in the same network that derives from another MAC address. */
export function derivedFrom(former: LinkAddress, mac: Uint8Array): LinkAddress {
  const bytes = parseIp(former.address)!.slice();
  bytes.set(interfaceId(mac), 8);
  const attributes = attributesOf(former.payload, IFADDRMSG_BYTES);
  const flags = new Uint8Array(4);
  const had = attributes.get(IFA.FLAGS);
  const kept = had === undefined ? 0 : viewOf(had).getUint32(0, true);
  viewOf(flags).setUint32(0, kept & KEPT_FLAGS | IFA_F_NODAD, true);
  const lifetimes = attributes.get(IFA.CACHEINFO);
  const struct = former.payload.slice(0, IFADDRMSG_BYTES);
  struct[2] = IFA_F_NODAD;
  const payload = payloadOf(struct, [
    [IFA.ADDRESS, bytes],
    [IFA.FLAGS, flags],
    ...lifetimes === undefined || isLinkLocal6(bytes)
      ? []
      : [[IFA.CACHEINFO, lifetimes] as const],
  ]);
  return { ...former, address: formatIp(bytes), payload };
}
