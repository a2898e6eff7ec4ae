/**
 * The schema of the network identity that a caller may give a fork.
 * @module
 */
import * as v from "valibot";
import type { NetworkIdentity as Identity } from "../lifecycle/request.ts";
import { fields, stated } from "../util/json_input.ts";
import { parseIp } from "../linux/ip.ts";

// The OpenAPI document contains these patterns. They have no flags, and no classes such as \d,
// which match more characters in other languages.

const OCTET = "(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])";
/** The first octet of a host: not this network, loopback, multicast or reserved (RFC 6890). */
const FIRST_OCTET =
  "(?:[1-9]|[1-9][0-9]|1[01][0-9]|12[0-689]|1[3-9][0-9]|2[01][0-9]|22[0-3])";
const HOST = `${FIRST_OCTET}(?:\\.${OCTET}){3}`;
const PREFIX = "(?:[1-9]|[12][0-9]|3[0-2])";

/**
 * A label of a host name (RFC 1123, 2.1): letters and digits at both ends, at most 63 characters.
 */
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";

const Ipv4 = v.pipe(
  v.string("an IPv4 address"),
  v.regex(new RegExp(`^${HOST}$`), "an IPv4 address"),
);

const CIDR_WORDS = "an IPv4 address of a host and its prefix, as 10.0.2.15/24";

const Cidr = v.pipe(
  v.string(CIDR_WORDS),
  v.regex(new RegExp(`^${HOST}/${PREFIX}$`), CIDR_WORDS),
  v.description("Replaces the IPv4 addresses of the interface."),
);

const MAC_WORDS = "the address of one station, as 02:00:00:00:00:01";

/** A MAC address of one station: the lowest bit of the first byte marks a group. */
const Mac = v.pipe(
  v.string(MAC_WORDS),
  v.regex(/^[0-9A-Fa-f][02468ACEace](?::[0-9A-Fa-f]{2}){5}$/, MAC_WORDS),
  v.notValue("00:00:00:00:00:00", MAC_WORDS),
);

/** A host name. The kernel accepts at most 64 bytes (uname(2)). */
const Hostname = v.pipe(
  v.string("a host name"),
  v.maxLength(64, "at most 64 characters"),
  v.regex(new RegExp(`^${LABEL}(?:\\.${LABEL})*$`), "a host name"),
);

/** The name of an interface: at most 15 bytes (IFNAMSIZ). */
const Interface = v.pipe(
  v.string("the name of an interface"),
  v.regex(/^[!-.0-9;-~]{1,15}$/, "the name of an interface"),
  v.description("The default is the interface of the default route."),
);

const Server = v.pipe(
  v.string("an IP address"),
  stated((text) => parseIp(text) !== undefined, "an IP address", {
    anyOf: [{ format: "ipv4" }, { format: "ipv6" }],
  }),
);

/** The network identity in a recover call. A field that is not given does not change. */
export const NetworkIdentity = v.pipe(
  fields({
    interface: v.optional(Interface),
    address: v.optional(Cidr),
    gateway: v.optional(v.pipe(Ipv4, v.description("The default route."))),
    dns: v.optional(v.pipe(
      v.array(Server, "1 to 3 servers"),
      v.minLength(1, "1 to 3 servers"),
      v.maxLength(3, "1 to 3 servers"), // resolv.conf(5), MAXNS
      v.description("The name servers of /etc/resolv.conf."),
    )),
    mac: v.optional(Mac),
    hostname: v.optional(Hostname),
  }),
  stated(
    ({ interface: _, ...rest }) => Object.keys(rest).length > 0,
    "at least one of address, gateway, dns, mac, hostname",
    {
      anyOf: ["address", "gateway", "dns", "mac", "hostname"].map((name) => ({
        required: [name],
      })),
    },
  ),
);

/**
 * Returns why no machine can have this identity, although each field is valid; undefined if a
 * machine can have it. No JSON Schema can describe this.
 */
export function contradictionIn(
  { address: cidr, gateway }: Identity,
): string | undefined {
  if (cidr === undefined) return undefined;
  const [address, prefix] = cidr.split("/");
  if (!isHost(address, Number(prefix))) {
    return "Cannot set the address: it is the address of a whole network; " +
      "give the address of a host";
  }
  if (gateway === address) {
    return "Cannot set the gateway: it is the machine's own address; " +
      "give the address of another machine";
  }
  return undefined;
}

/** Whether the address is neither the address of the network nor its broadcast address. */
function isHost(address: string, prefix: number): boolean {
  if (prefix > 30) return true; // RFC 3021
  const [a, b, c, d] = parseIp(address)!;
  const hostMask = 2 ** (32 - prefix) - 1;
  const host = ((a << 24 | b << 16 | c << 8 | d) & hostMask) >>> 0;
  return host !== 0 && host !== hostMask >>> 0;
}
