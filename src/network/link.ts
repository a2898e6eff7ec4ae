/**
 * Sets the MAC address, the MTU, the addresses and the gateways of an interface.
 * @module
 */
import type { NetworkIdentity } from "../lifecycle/request.ts";
import { announce } from "../linux/announce.ts";
import type { Libc } from "../linux/libc.ts";
import type { Link, Network } from "../linux/rtnetlink.ts";
import { hasCode, messageOf } from "../util/errors.ts";
import { changeAddresses, renewDerived } from "./addresses.ts";
import { note, type Work } from "./change.ts";
import { addressesIn, gatewaysIn } from "./contradictions.ts";
import { changeGateways, keepRoutes, routesOf } from "./routes.ts";

/** Whether the identity changes the interface itself, and not only names. */
export function changesLink(
  { address, gateway, mac, mtu }: NetworkIdentity,
): boolean {
  return (address ?? gateway ?? mac ?? mtu) !== undefined;
}

/** Changes the interface as the identity says. */
export function changeLink(
  libc: Libc,
  identity: NetworkIdentity,
  work: Work,
): void {
  const { network, link, done } = work;
  const { mac, mtu } = identity;
  const wanted = addressesIn(identity);
  const gateways = gatewaysIn(identity);
  const routes = routesOf(network, link);
  // The kernel removes some routes together with their address or link.
  done.push({
    undo: () => routes.forEach((route) => network.routes.restore(route)),
  });
  if (mac !== undefined) changeMac(work, mac);
  if (mtu !== undefined) changeMtu(work, mtu);
  if (!link.up) {
    network.setUp(link.index, true);
    done.push({ what: "up", undo: () => network.setUp(link.index, false) });
  }
  if (wanted.length > 0) changeAddresses(work, wanted);
  keepRoutes(work, routes, gateways);
  changeGateways(work, gateways);
  const count = network.flushNeighbours(link.index);
  note(done, `neighbours (${count} forgotten)`);
  if (wanted.length > 0 || mac !== undefined) tell(libc, work);
}

/** Announces the addresses. A failure is no error: neighbours learn the new address later. */
function tell(libc: Libc, { network, link: { index }, done, lost }: Work) {
  const link = network.links().find((known) => known.index === index);
  if (link === undefined) return;
  const addresses = network.addresses.list(index)
    .map(({ address }) => address)
    .filter((address) => !lost.some((one) => one.address === address));
  try {
    announce(libc, index, link.mac, addresses);
    note(done, "announced");
  } catch (error) {
    note(done, `not announced: ${messageOf(error)}`);
  }
}

/** Returns the named interface, that of the best default route, or the only one that is up. */
export function findLink(network: Network, name: string | undefined): Link {
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

/** The bytes of a MAC address in its usual form, as `02:00:00:00:00:01`. */
export function macBytes(mac: string): Uint8Array {
  return new Uint8Array(mac.split(":").map((byte) => parseInt(byte, 16)));
}

function changeMac(work: Work, mac: string): void {
  const { network, link, done } = work;
  const bytes = macBytes(mac);
  const former = link.mac;
  setMac(network, link, bytes);
  done.push({ what: "mac", undo: () => setMac(network, link, former) });
  if (former.some((byte, i) => byte !== bytes[i])) {
    renewDerived(work, former, bytes);
  }
}

/** Sets the MAC address. Some drivers accept that only while the link is down. */
function setMac(network: Network, link: Link, mac: Uint8Array): void {
  try {
    network.setMac(link.index, mac);
  } catch (error) {
    if (!hasCode(error, "EBUSY")) throw error;
    // The kernel removes the IPv6 addresses of a link that goes down.
    const addresses = network.addresses.list(link.index);
    network.setUp(link.index, false);
    try {
      network.setMac(link.index, mac);
    } finally {
      network.setUp(link.index, true);
      addresses.forEach((one) => network.addresses.restore(one));
    }
  }
}

function changeMtu({ network, link, done }: Work, mtu: number): void {
  network.setMtu(link.index, mtu);
  done.push({
    what: "mtu",
    undo: () => network.setMtu(link.index, link.mtu),
  });
}
