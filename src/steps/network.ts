/**
 * Repair: gives this fork the addresses, routes and names that the host sent.
 * @module
 */
import type { Repair } from "../lifecycle/step.ts";
import { messageOf } from "../util/errors.ts";
import { readHostname, setHostname } from "../linux/hostname.ts";
import type { Libc } from "../linux/libc.ts";
import { readResolver, withServers, writeResolver } from "../linux/resolver.ts";
import { Network } from "../linux/rtnetlink.ts";
import type { NetworkIdentity } from "../lifecycle/request.ts";
import { contradictionIn } from "../network/identity.ts";
import { type Change, changeLink } from "../network/link.ts";

const RESOLVER = "/etc/resolv.conf";

/**
 * Effect: `interface` and `changed`, in the order of the changes. If a change fails, the changes
 * before it are undone, and the error says so.
 */
export function networkRepair(libc: Libc, resolver = RESOLVER): Repair {
  return {
    repair({ request }) {
      const { network } = request;
      if (network === undefined) return { skipped: "no identity was given" };
      return applyIdentity(libc, network, resolver);
    },
  };
}

/** Applies the whole identity. If a part fails, throws and changes nothing. */
export function applyIdentity(
  libc: Libc,
  identity: NetworkIdentity,
  resolver = RESOLVER,
): { interface?: string; changed: string[] } {
  const contradiction = contradictionIn(identity);
  if (contradiction !== undefined) throw new Error(contradiction);
  const done: Change[] = [];
  using network = new Network(libc);
  try {
    const link = changeLink(libc, network, identity, done);
    changeNames(libc, identity, resolver, done);
    const changed = done.flatMap(({ what }) => what ?? []);
    return link === undefined ? { changed } : { interface: link.name, changed };
  } catch (error) {
    throw new Error(`${messageOf(error)}; ${takeBack(done)}`, {
      cause: error,
    });
  }
}

function changeNames(
  libc: Libc,
  { dns, hostname }: NetworkIdentity,
  resolver: string,
  done: Change[],
): void {
  if (dns !== undefined) {
    const former = readResolver(resolver);
    writeResolver(resolver, withServers(former, dns));
    done.push({ what: "dns", undo: () => writeResolver(resolver, former) });
  }
  if (hostname !== undefined) {
    const former = readHostname();
    setHostname(libc, hostname);
    done.push({ what: "hostname", undo: () => setHostname(libc, former) });
  }
}

/** Undoes the changes, the last one first; returns text that says what could not be undone. */
function takeBack(done: Change[]): string {
  const failed = done.reverse().flatMap(({ what = "routes", undo }) => {
    try {
      undo();
      return [];
    } catch (error) {
      return [`${what} (${messageOf(error)})`];
    }
  });
  if (failed.length > 0) return `not undone: ${failed.join(", ")}`;
  return "the changes before it were undone";
}
