/**
 * Sets the host name, and the files of /etc that have it and the name servers.
 * @module
 */
import { join } from "node:path";
import type { NetworkIdentity } from "../lifecycle/request.ts";
import { readHostname, setHostname } from "../linux/hostname.ts";
import { withName } from "../linux/hosts.ts";
import { withResolver } from "../linux/resolver.ts";
import type { Change } from "./change.ts";
import { type EtcFileOptions, readEtcFile, setEtcFile } from "./etc_file.ts";

/** The names to set, and where. */
export interface NamesOptions extends EtcFileOptions {
  /** The directory of the files, usually /etc. */
  readonly etc: string;
  /** The addresses that are replaced, and their replacements. */
  readonly addresses: ReadonlyMap<string, string>;
  /** False if a program that makes resolv.conf itself is told the name servers. */
  readonly writeResolver: boolean;
  readonly done: Change[];
}

/** Sets the names that the identities have. */
export function changeNames(
  identities: readonly NetworkIdentity[],
  options: NamesOptions,
): void {
  const { etc, done, writeResolver } = options;
  const resolver = resolverOf(identities);
  if (writeResolver && resolver !== undefined) {
    const path = join(etc, "resolv.conf");
    const text = withResolver(readEtcFile(path), resolver);
    const undo = setEtcFile(path, text, options);
    done.push({ what: "dns", undo });
  }
  const hostname = identities.find(({ hostname }) => hostname)?.hostname;
  if (hostname !== undefined) changeHostname(hostname, options);
}

/** The name servers and domains of all identities; undefined if there are none. */
export function resolverOf(identities: readonly NetworkIdentity[]) {
  const all = (lists: (readonly string[] | undefined)[]) => {
    const values = new Set(lists.flatMap((list) => list ?? []));
    return values.size === 0 ? undefined : [...values];
  };
  const servers = all(identities.map(({ dns }) => dns));
  const search = all(identities.map(({ search }) => search));
  if ((servers ?? search) === undefined) return undefined;
  return { servers, search };
}

function changeHostname(hostname: string, options: NamesOptions): void {
  const { libc, etc, done, addresses, persist } = options;
  const former = readHostname();
  setHostname(libc, hostname);
  done.push({ what: "hostname", undo: () => setHostname(libc, former) });
  const hosts = join(etc, "hosts");
  const text = readEtcFile(hosts);
  const renaming = {
    ...{ from: former, to: hostname, addresses },
    add: !isNamedWithoutFile(etc),
  };
  const renamed = text && withName(text, renaming);
  if (renamed !== undefined && renamed !== text) {
    done.push({ what: "hosts", undo: setEtcFile(hosts, renamed, options) });
  }
  const file = join(etc, "hostname");
  const written = readEtcFile(file);
  // A program that reads the file, as hostnamectl, gets the new name. Without the file, the
  // kernel's name is the only one.
  if (written === undefined && !persist) return;
  if (written?.trim() === hostname && !persist) return;
  const undo = setEtcFile(file, `${hostname}\n`, options);
  done.push({ what: "hostname file", undo });
}

/** Whether the C library finds the machine's own name without /etc/hosts (nsswitch.conf(5)). */
function isNamedWithoutFile(etc: string): boolean {
  const text = readEtcFile(join(etc, "nsswitch.conf")) ?? "";
  return /^\s*hosts:.*\b(?:myhostname|resolve)\b/m.test(text);
}
