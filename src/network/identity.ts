/**
 * The schema of the network identity that a caller may give a fork.
 * @module
 */
import * as v from "valibot";
import { parseIp } from "../linux/ip.ts";
import { fields, oneOrList, stated } from "../util/json_input.ts";

// The OpenAPI document contains these patterns. They have no flags, and no classes such as \d,
// which match more characters in other languages.

const OCTET = "(?:[0-9]|[1-9][0-9]|1[0-9]{2}|2[0-4][0-9]|25[0-5])";
/** The first octet of a host: not this network, loopback, multicast or reserved (RFC 6890). */
const FIRST_OCTET =
  "(?:[1-9]|[1-9][0-9]|1[01][0-9]|12[0-689]|1[3-9][0-9]|2[01][0-9]|22[0-3])";
const HOST = `${FIRST_OCTET}(?:\\.${OCTET}){3}`;
const PREFIX = "(?:[1-9]|[12][0-9]|3[0-2])";

const GROUP = "[0-9A-Fa-f]{1,4}";
/** An IPv6 address without the form that ends in an IPv4 address (RFC 4291, 2.2). */
const IPV6 = [
  `(?:${GROUP}:){7}${GROUP}`,
  `(?:${GROUP}:){1,7}:`,
  ...[6, 5, 4, 3, 2, 1].map((before, i) =>
    `(?:${GROUP}:){1,${before}}(?::${GROUP}){1,${i + 1}}`
  ),
].join("|");
/** A unicast address: not unspecified, loopback, IPv4-mapped or multicast (RFC 4291, 2.4). */
const HOST6 = `(?:${IPV6})`;
const PREFIX6 = "(?:[1-9]|[1-9][0-9]|1[01][0-9]|12[0-8])";

/**
 * A label of a host name (RFC 1123, 2.1): letters and digits at both ends, at most 63 characters.
 */
const LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const NAME = `${LABEL}(?:\\.${LABEL})*`;

/** The longest name of the domain name system (RFC 1035, 2.3.4). */
const NAME_MOST = 253;
/** Interfaces, addresses and search domains that one call may name. */
const MOST = { interfaces: 16, addresses: 16, domains: 6 } as const;

const GATEWAY_WORDS = "the IPv4 or IPv6 address of a host";

const Gateway = v.pipe(
  v.string(GATEWAY_WORDS),
  v.regex(new RegExp(`^(?:${HOST}|${HOST6})$`), GATEWAY_WORDS),
);

const CIDR_WORDS =
  "the address of a host and its prefix, as 10.0.2.15/24 or fd00::15/64";

const Cidr = v.pipe(
  v.string(CIDR_WORDS),
  v.regex(
    new RegExp(`^(?:${HOST}/${PREFIX}|${HOST6}/${PREFIX6})$`),
    CIDR_WORDS,
  ),
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
  v.regex(new RegExp(`^${NAME}$`), "a host name"),
);

const Domain = v.pipe(
  v.string("a domain"),
  v.maxLength(NAME_MOST, `at most ${NAME_MOST} characters`),
  v.regex(new RegExp(`^${NAME}$`), "a domain"),
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

const MTU_WORDS = "a number of bytes, from 68 to 65535";

/** The bytes of the largest packet: RFC 791 asks for 68, and a length has 16 bits. */
const Mtu = v.pipe(
  v.number(MTU_WORDS),
  v.integer(MTU_WORDS),
  v.minValue(68, MTU_WORDS),
  v.maxValue(65_535, MTU_WORDS),
  v.description("The largest packet of the interface, in bytes."),
);

function listOf<const S extends v.GenericSchema>(
  schema: S,
  most: number,
  words: string,
) {
  return v.pipe(
    v.array(schema, words),
    v.minLength(1, words),
    v.maxLength(most, words),
  );
}

/** The fields that change something. */
const CHANGES = [
  ...["address", "gateway", "dns", "search", "mtu", "mac", "hostname"] as const,
];

/** The network identity of one interface. A field that is not given does not change. */
export const NetworkIdentity = v.pipe(
  fields({
    interface: v.optional(Interface),
    address: v.optional(v.pipe(
      oneOrList(Cidr, listOf(Cidr, MOST.addresses, "1 to 16 addresses")),
      v.description(
        "Replaces the addresses of the interface, of each family that is given.",
      ),
    )),
    gateway: v.optional(v.pipe(
      oneOrList(Gateway, listOf(Gateway, 2, "1 or 2 gateways")),
      v.description("The default routes, one of each family at most."),
    )),
    dns: v.optional(v.pipe(
      listOf(Server, 3, "1 to 3 servers"), // resolv.conf(5), MAXNS
      v.description("The name servers."),
    )),
    search: v.optional(v.pipe(
      listOf(Domain, MOST.domains, "1 to 6 domains"),
      v.description("The domains in which short names are looked up."),
    )),
    mtu: v.optional(Mtu),
    mac: v.optional(Mac),
    hostname: v.optional(Hostname),
    persist: v.optional(v.pipe(
      v.boolean("true or false"),
      v.description(
        "Write host name and name servers to /etc on the root filesystem, too. Without it, nothing is written there.",
      ),
    )),
  }),
  stated(
    (identity) => CHANGES.some((name) => identity[name] !== undefined),
    `at least one of ${CHANGES.join(", ")}`,
    { anyOf: CHANGES.map((name) => ({ required: [name] })) },
  ),
);

/** The identity of one interface, or those of several. */
export const NetworkIdentities = oneOrList(
  NetworkIdentity,
  listOf(NetworkIdentity, MOST.interfaces, "1 to 16 interfaces"),
);
