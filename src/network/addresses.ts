/**
 * Replaces the addresses of an interface.
 * @module
 */
import type { LinkAddress } from "../linux/link_addresses.ts";
import type { Link, Network } from "../linux/rtnetlink.ts";
import { AF_INET } from "../linux/socket_constants.ts";
import { hasCode } from "../util/errors.ts";
import type { Work } from "./change.ts";
import type { Address } from "./contradictions.ts";
import { derivedFrom, derivesFrom } from "./interface_id.ts";

/** Gives the interface these addresses instead of those that it has of the same families. */
export function changeAddresses(work: Work, wanted: readonly Address[]): void {
  const { network, link, done } = work;
  const known = network.addresses.list(link.index);
  const former = known.filter((one) =>
    isReplaced(one, wanted, work.forwardAddresses)
  );
  done.push({
    what: "address",
    undo() {
      for (const one of network.addresses.list(link.index)) {
        const isNew = wanted.some((address) => isSame(one, address)) &&
          !known.some(({ address }) => address === one.address);
        if (isNew) network.addresses.remove(one);
      }
      former.forEach((one) => network.addresses.restore(one));
    },
  });
  const stays = (one: LinkAddress) =>
    one.address === work.replyOver &&
    !wanted.some(({ address }) => address === one.address);
  const later = former.filter(stays);
  const now = former.filter((one) => !later.includes(one));
  replace(network, link, now, wanted);
  work.lost.push(...former);
}

/** Removes these addresses, wherever the machine has them. */
export function removeEverywhere(
  network: Network,
  addresses: readonly string[],
): void {
  for (const { index } of network.links()) {
    for (const one of network.addresses.list(index)) {
      if (addresses.includes(one.address)) network.addresses.remove(one);
    }
  }
}

/** Removes addresses, and adds those of the wanted ones that the interface does not have then. */
export function replace(
  network: Network,
  { index }: Pick<Link, "index">,
  former: readonly Pick<LinkAddress, "address" | "payload">[],
  wanted: readonly Address[],
): void {
  for (const one of former) {
    try {
      network.addresses.remove(one);
    } catch (error) {
      // The kernel removes a secondary address together with the primary one of its subnet.
      if (!hasCode(error, "EADDRNOTAVAIL")) throw error;
    }
  }
  // Read again: a wanted address may have been a secondary one that was removed.
  const has = network.addresses.list(index);
  for (const one of wanted) {
    if (has.some((known) => isSame(known, one))) continue;
    network.addresses.add(index, one.address, one.prefix);
  }
}

/**
 * Whether the wanted addresses replace this one: it has the same family, and it is neither an
 * address of the forwarder nor an IPv6 address that the link needs itself.
 */
function isReplaced(
  one: LinkAddress,
  wanted: readonly Address[],
  forwardAddresses: readonly string[],
): boolean {
  if (forwardAddresses.includes(one.address)) return false;
  const is4 = one.family === AF_INET;
  if (!is4 && !one.global) return false;
  if (!wanted.some(({ bytes }) => (bytes.length === 4) === is4)) return false;
  return !wanted.some((address) => isSame(one, address));
}

function isSame(known: LinkAddress, one: Address): boolean {
  return known.address === one.address && known.prefix === one.prefix;
}

/**
 * Replaces the IPv6 addresses that derive from the former MAC address, also the link-local one: two
 * forks of one machine would share them.
 */
export function renewDerived(work: Work, former: Uint8Array, mac: Uint8Array) {
  const { network, link, done } = work;
  for (const one of network.addresses.list(link.index)) {
    if (!derivesFrom(one, former)) continue;
    const fresh = derivedFrom(one, mac);
    // The former one first: networkd waits for a link-local address that comes after it.
    if (one.address === work.replyOver) work.lost.push(one);
    else network.addresses.remove(one);
    network.addresses.restore(fresh);
    done.push({
      what: one.global ? "IPv6 address of the MAC" : "link-local address",
      undo() {
        network.addresses.restore(one);
        network.addresses.remove(fresh);
      },
    });
  }
}
