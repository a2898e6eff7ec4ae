/**
 * How an interface is now, for the program that manages it: the kernel has the truth, and the program
 * gets it.
 * @module
 */
import type { NetworkIdentity } from "../lifecycle/request.ts";
import type { LinkAddress } from "../linux/link_addresses.ts";
import type { LinkRoute } from "../linux/routes.ts";
import type { Link, Network } from "../linux/rtnetlink.ts";
import { AF_INET, AF_INET6 } from "../linux/socket_constants.ts";
import { addressesIn, gatewaysIn } from "./contradictions.ts";
import { routesOf } from "./routes.ts";

/** The facts of an interface. */
export interface Facts {
  readonly link: Link;
  /** The addresses that do not expire. */
  readonly addresses: readonly LinkAddress[];
  /** The routes that do not expire. */
  readonly routes: readonly LinkRoute[];
  /** Whether the host has given addresses, or gateways, of the family. */
  readonly given4: boolean;
  readonly given6: boolean;
  readonly gateway6: boolean;
  /** Whether a DHCP client or a router has given addresses of the family, and may go on. */
  readonly leased4: boolean;
  readonly leased6: boolean;
  readonly identity: NetworkIdentity;
}

/** Reads the facts of an interface to which the identity has been applied. */
export function factsOf(
  network: Network,
  link: Link,
  identity: NetworkIdentity,
): Facts {
  const all = network.addresses.list(link.index);
  const given = addressesIn(identity);
  const is4 = (bytes: Uint8Array) => bytes.length === 4;
  const given4 = given.some(({ bytes }) => is4(bytes));
  const given6 = given.some(({ bytes }) => !is4(bytes));
  const leased = (family: number) =>
    all.some((one) => one.family === family && one.global && !one.permanent);
  return {
    ...{ link, identity, given4, given6 },
    addresses: all.filter((one) =>
      (one.family === AF_INET || one.global) && one.permanent
    ),
    // The routes of a lease that ends stay: the host may have given no others.
    routes: routesOf(network, link).filter(({ isLeased, family }) =>
      !isLeased || (family === AF_INET ? given4 : given6)
    ),
    gateway6: gatewaysIn(identity).some((one) => one.includes(":")),
    leased4: !given4 && leased(AF_INET),
    leased6: !given6 && leased(AF_INET6),
  };
}
