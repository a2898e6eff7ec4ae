/**
 * Keeps the routes of an interface across a change of its addresses, and replaces its gateways.
 * @module
 */
import { parseIp } from "../linux/ip.ts";
import { isLinkLocal6 } from "../linux/link_addresses.ts";
import { type LinkRoute, withoutSource } from "../linux/routes.ts";
import type { Link, Network } from "../linux/rtnetlink.ts";
import { AF_INET, AF_INET6 } from "../linux/socket_constants.ts";
import { hasCode } from "../util/errors.ts";
import { note, type Work } from "./change.ts";

/** The routes of the interface that the kernel does not make itself. */
export function routesOf(network: Network, { index }: Pick<Link, "index">) {
  return [AF_INET, AF_INET6].flatMap((family) =>
    network.routes.list(family as typeof AF_INET)
      .filter((route) => route.link === index && !route.byKernel)
  );
}

/**
 * Restores the routes that are still valid; the others are lost, because the kernel would keep
 * routes to unreachable gateways. A route from an address that is gone becomes one from any address.
 * Routes by link-local gateways stay untouched.
 */
export function keepRoutes(
  { network, link, done, lost }: Pick<
    Work,
    "network" | "link" | "done" | "lost"
  >,
  routes: readonly LinkRoute[],
  gateways: readonly string[],
): void {
  const isDropped = ({ isDefault, family }: LinkRoute) =>
    isDefault && gateways.some((one) => familyOf(one) === family);
  for (const route of routesOf(network, link)) {
    if (isByLinkLocal(route) && !isDropped(route)) continue;
    network.routes.remove(route);
  }
  for (const route of routes) {
    if (isDropped(route)) continue;
    const isStale = lost.some(({ address }) => address === route.source);
    const ways = isStale
      ? [withoutSource(route)]
      : [route, withoutSource(route)];
    if (!ways.some((way) => isRestored(network, way))) {
      note(done, `route by ${route.gateway ?? "the link"} lost`);
    }
  }
}

/** False if the gateway is unreachable, or if the machine no longer has the source address. */
function isRestored(network: Network, route: LinkRoute): boolean {
  try {
    network.routes.restore(route);
    return true;
  } catch (error) {
    if (!hasCode(error, "ENETUNREACH", "EHOSTUNREACH", "EINVAL")) throw error;
    return false;
  }
}

/** Adds the default routes. */
export function changeGateways(
  { network, link, done }: Work,
  gateways: readonly string[],
): void {
  if (gateways.length === 0) return;
  done.push({
    what: "gateway",
    undo() {
      for (const route of routesOf(network, link)) {
        const isOurs = route.isDefault &&
          gateways.some((one) => familyOf(one) === route.family);
        if (isOurs) network.routes.remove(route);
      }
    },
  });
  for (const gateway of gateways) {
    network.routes.addDefault(link.index, gateway);
  }
}

function familyOf(address: string): number {
  return address.includes(":") ? AF_INET6 : AF_INET;
}

function isByLinkLocal({ gateway, family }: LinkRoute): boolean {
  return family === AF_INET6 && gateway !== undefined &&
    isLinkLocal6(parseIp(gateway)!);
}
