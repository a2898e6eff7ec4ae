/**
 * Sets the MAC address, the IPv4 address and the gateway of an interface.
 * @module
 */
import { hasCode, messageOf } from "../util/errors.ts";
import { announce } from "../linux/announce.ts";
import type { Libc } from "../linux/libc.ts";
import type { LinkRoute } from "../linux/routes.ts";
import type { Link, LinkAddress, Network } from "../linux/rtnetlink.ts";
import type { NetworkIdentity } from "../lifecycle/request.ts";

/** A change that was made, and its undo. */
export interface Change {
  /** The text for the report; undefined if the report does not mention the change. */
  readonly what?: string;
  readonly undo: () => void;
}

/** The interface to change, and the changes so far. */
interface Work {
  readonly network: Network;
  readonly link: Link;
  /** The changes that were made. The caller undoes them if a later change fails. */
  readonly done: Change[];
}

/**
 * Changes an interface as the identity says, and returns it. If the identity has neither address,
 * gateway nor MAC address, changes nothing and returns undefined. IPv6 addresses do not change.
 */
export function changeLink(
  libc: Libc,
  network: Network,
  identity: NetworkIdentity,
  done: Change[],
): Link | undefined {
  const { address, gateway, mac } = identity;
  if ((address ?? gateway ?? mac) === undefined) return undefined;
  const link = findLink(network, identity.interface);
  const work = { network, link, done };
  const routes = network.routes.list().filter((route) =>
    route.link === link.index && !route.byKernel
  );
  // The kernel removes some routes together with their address or link.
  done.push({
    undo: () => routes.forEach((route) => network.routes.restore(route)),
  });
  if (mac !== undefined) changeMac(work, mac);
  if (!link.up) {
    network.setUp(link.index, true);
    done.push({ what: "up", undo: () => network.setUp(link.index, false) });
  }
  if (address !== undefined) changeAddress(work, address);
  keepRoutes(work, routes, gateway !== undefined);
  if (gateway !== undefined) changeGateway(work, gateway);
  const count = network.flushNeighbours(link.index);
  done.push({ what: `neighbours (${count} forgotten)`, undo() {} });
  if ((address ?? mac) !== undefined) done.push(tell(libc, work));
  return link;
}

/** Announces the addresses. A failure is no error: neighbours learn the new address later. */
function tell(libc: Libc, { network, link }: Work): Change {
  const { index } = link;
  const now = network.links().find((known) => known.index === index) ?? link;
  const addresses = network.addresses(index).map(({ address }) => address);
  try {
    announce(libc, index, now.mac, addresses);
    return { what: "announced", undo() {} };
  } catch (error) {
    return { what: `not announced: ${messageOf(error)}`, undo() {} };
  }
}

/** Returns the named interface, that of the best default route, or the only one that is up. */
function findLink(network: Network, name: string | undefined): Link {
  const links = network.links();
  if (name !== undefined) {
    const found = links.find((link) => link.name === name);
    if (found !== undefined) return found;
    throw new Error(`Cannot find interface ${name}: there is none`);
  }
  const [best] = network.routes.list()
    .filter(({ isDefault, link }) => isDefault && link !== 0)
    .sort((a, b) => a.metric - b.metric);
  const routed = links.find(({ index }) => index === best?.link);
  if (routed !== undefined) return routed;
  const up = links.filter(({ up, loopback }) => up && !loopback);
  if (up.length === 1) return up[0];
  throw new Error(
    `Cannot choose an interface: no default route, and ${up.length} are up`,
  );
}

function changeMac({ network, link, done }: Work, mac: string): void {
  const bytes = new Uint8Array(
    mac.split(":").map((byte) => parseInt(byte, 16)),
  );
  const former = link.mac;
  setMac(network, link, bytes);
  done.push({ what: "mac", undo: () => setMac(network, link, former) });
}

/** Sets the MAC address. Some drivers accept that only while the link is down. */
function setMac(network: Network, link: Link, mac: Uint8Array): void {
  try {
    network.setMac(link.index, mac);
  } catch (error) {
    if (!hasCode(error, "EBUSY")) throw error;
    network.setUp(link.index, false);
    try {
      network.setMac(link.index, mac);
    } finally {
      network.setUp(link.index, true);
    }
  }
}

function changeAddress({ network, link, done }: Work, cidr: string): void {
  const [address, prefix] = cidr.split("/");
  const isSame = (known: LinkAddress) =>
    known.address === address && known.prefix === Number(prefix);
  const known = network.addresses(link.index);
  const former = known.filter((one) => !isSame(one) && !isForwarder(one));
  done.push({
    what: "address",
    undo() {
      for (const one of network.addresses(link.index)) {
        if (isSame(one) && !known.some(isSame)) network.removeAddress(one);
      }
      former.forEach((one) => network.restoreAddress(one));
    },
  });
  for (const one of former) {
    try {
      network.removeAddress(one);
    } catch (error) {
      // The kernel removes a secondary address together with the primary one of its subnet.
      if (!hasCode(error, "EADDRNOTAVAIL")) throw error;
    }
  }
  // Read again: the wanted address may have been a secondary one that was removed.
  if (!network.addresses(link.index).some(isSame)) {
    network.addAddress(link.index, address, Number(prefix));
  }
}

/** Whether this is the link-local address from which ports are forwarded (RFC 3927). */
function isForwarder({ address }: LinkAddress): boolean {
  return address.startsWith("169.254.");
}

/** Restores the routes that are still valid: the kernel keeps routes to unreachable gateways. */
function keepRoutes(
  { network, link, done }: Work,
  routes: readonly LinkRoute[],
  dropDefault: boolean,
): void {
  for (const route of network.routes.list()) {
    if (route.link === link.index && !route.byKernel) {
      network.routes.remove(route);
    }
  }
  for (const route of routes) {
    if (dropDefault && route.isDefault) continue;
    try {
      network.routes.restore(route);
    } catch (error) {
      // The gateway is unreachable, or the machine no longer has the source address of the route.
      if (!hasCode(error, "ENETUNREACH", "EINVAL")) throw error;
      const what = `route by ${route.gateway ?? "the link"} lost`;
      done.push({ what, undo() {} });
    }
  }
}

function changeGateway({ network, link, done }: Work, gateway: string): void {
  network.routes.addDefault(link.index, gateway);
  done.push({
    what: "gateway",
    undo() {
      for (const route of network.routes.list()) {
        if (route.link === link.index && route.isDefault) {
          network.routes.remove(route);
        }
      }
    },
  });
}
