/**
 * Compares the machine with a network identity that it was given before. Loaded only if a host sends
 * the same identity again.
 * @module
 */
import type { NetworkIdentity } from "../lifecycle/request.ts";
import { readHostname } from "../linux/hostname.ts";
import type { Libc } from "../linux/libc.ts";
import { type Link, Network } from "../linux/rtnetlink.ts";
import { addressesIn, gatewaysIn, listOf } from "./contradictions.ts";
import { changesLink, findLink, macBytes } from "./link.ts";
import { routesOf } from "./routes.ts";

/**
 * Whether the machine has the addresses, the gateways, the MAC address, the MTU and the host name of
 * these identities. It may have more addresses. Name servers are not compared: the programs that
 * manage them add their own.
 */
export function isInPlace(
  libc: Libc,
  identities: NetworkIdentity | readonly NetworkIdentity[],
): boolean {
  using network = new Network(libc);
  try {
    return listOf(identities).every((identity) => {
      const { hostname, interface: name } = identity;
      if (hostname !== undefined && readHostname() !== hostname) return false;
      return !changesLink(identity) ||
        hasLink(network, findLink(network, name), identity);
    });
  } catch {
    return false; // applying the identity tells what is missing
  }
}

function hasLink(
  network: Network,
  { index, up, mac, mtu }: Link,
  identity: NetworkIdentity,
): boolean {
  if (!up) return false;
  if (identity.mtu !== undefined && identity.mtu !== mtu) return false;
  if (identity.mac !== undefined) {
    const wanted = macBytes(identity.mac);
    if (mac.some((byte, i) => byte !== wanted[i])) return false;
  }
  const has = network.addresses.list(index);
  const routes = routesOf(network, { index });
  return addressesIn(identity).every(({ address, prefix }) =>
    has.some((one) => one.address === address && one.prefix === prefix)
  ) && gatewaysIn(identity).every((gateway) =>
    routes.some((route) =>
      route.isDefault && route.gateway === gateway
    )
  );
}
