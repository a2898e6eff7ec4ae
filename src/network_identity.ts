/**
 * Who this fork is on the network: what a caller may say about it.
 * @module
 */
import * as v from "valibot";
import { ipVersion } from "./linux/ip.ts";
import { ipv4Bytes } from "./linux/ipv4.ts";

const Ipv4 = v.pipe(
  v.string(),
  v.check((text) => ipVersion(text) === 4 && isHost(text), "an IPv4 address"),
);

const Cidr = v.pipe(
  v.string(),
  v.check(isCidr, "an IPv4 address of a host and its prefix, as 10.0.2.15/24"),
  v.description("Takes the place of the interface's IPv4 addresses."),
);

const Mac = v.pipe(
  v.string(),
  v.regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i, "six bytes, as 02:00:00:00:00:01"),
  v.check(isUnicastMac, "the address of one station"),
);

/** RFC 1123, 2.1; the kernel takes 64 bytes (uname(2)). */
const Hostname = v.pipe(
  v.string(),
  v.maxLength(64, "at most 64 characters"),
  v.regex(
    /^(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*$/i,
    "a host name",
  ),
);

/** The part of a recover call; what is left out stays as it is. */
export const NetworkIdentity = v.pipe(
  v.strictObject({
    interface: v.optional(v.pipe(
      v.string(),
      v.regex(/^[^\s/:]{1,15}$/, "the name of an interface"),
      v.description("Where none is given, the one of the default route."),
    )),
    address: v.optional(Cidr),
    gateway: v.optional(v.pipe(Ipv4, v.description("The default route."))),
    dns: v.optional(v.pipe(
      v.array(v.pipe(
        v.string(),
        v.check((text) => ipVersion(text) !== 0, "an IP address"),
      )),
      v.minLength(1, "1 to 3 servers"),
      v.maxLength(3, "1 to 3 servers"), // resolv.conf(5), MAXNS
      v.description("The name servers of /etc/resolv.conf."),
    )),
    mac: v.optional(Mac),
    hostname: v.optional(Hostname),
  }),
  v.check(
    ({ interface: _, ...rest }) => Object.keys(rest).length > 0,
    "at least one of address, gateway, dns, mac, hostname",
  ),
  v.check(
    ({ address, gateway }) =>
      address === undefined || gateway !== address.split("/")[0],
    "a gateway that is another machine",
  ),
);

/** Not this network, loopback, multicast or reserved (RFC 6890). */
function isHost(text: string): boolean {
  const [first] = ipv4Bytes(text);
  return first !== 0 && first !== 127 && first < 224;
}

function isCidr(text: string): boolean {
  const found = /^([\d.]+)\/(\d{1,2})$/.exec(text);
  if (found === null || ipVersion(found[1]) !== 4 || !isHost(found[1])) {
    return false;
  }
  const prefix = Number(found[2]);
  if (prefix < 1 || prefix > 32) return false;
  if (prefix > 30) return true; // RFC 3021
  const [a, b, c, d] = ipv4Bytes(found[1]);
  const hostMask = 2 ** (32 - prefix) - 1;
  const host = ((a << 24 | b << 16 | c << 8 | d) & hostMask) >>> 0;
  return host !== 0 && host !== hostMask >>> 0;
}

function isUnicastMac(text: string): boolean {
  const first = parseInt(text, 16);
  return (first & 1) === 0 && !/^[0:]+$/.test(text);
}
