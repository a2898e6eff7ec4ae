/**
 * Everything about the forwarded ports, for a caller that asks. This module is loaded at the first
 * such call.
 * @module
 */
import { readFileSync } from "node:fs";
import { type Owners, ownersOf, type Process } from "../linux/socket_owners.ts";
import { type ServerSocket, serverSockets } from "../linux/socket_table.ts";
import { listeningPaths } from "../linux/unix_table.ts";
import { type Counts, NO_COUNTS } from "./counts.ts";
import type { PortEntry } from "./forwarded_ports.ts";
import type { Protocol } from "./messages.ts";
import type { PortSubsystem } from "./subsystem.ts";
import { unixPathOf } from "./unix_targets.ts";

/** One port. */
export interface ListedPort extends Counts {
  readonly protocol: Protocol;
  readonly port: number;
  readonly addresses: readonly string[];
  readonly targets: readonly string[];
  readonly error: string | undefined;
  /** Since when it is forwarded, in the form of RFC 3339, by the wall clock of now. */
  readonly since: string | undefined;
  readonly processes: readonly Process[];
}

/** All ports. */
export interface PortList {
  readonly ports: readonly ListedPort[];
  /** False if the search for processes ended at its limit. */
  readonly isComplete: boolean;
}

/**
 * Lists the ports of a subsystem. A subsystem that is stopped has none, and nothing is read. A stop
 * ends the search for processes.
 */
export async function listPorts(
  subsystem: Pick<PortSubsystem, "forwarders" | "status">,
): Promise<PortList> {
  const { forwarders } = subsystem;
  const counted = await Promise.all(forwarders.map((one) => one.counts()));
  const found = forwarders.flatMap(({ protocol, entries }, i) =>
    entries.map((entry) => ({
      ...{ protocol, entry },
      counts: counted[i].ports.get(entry.port) ?? NO_COUNTS,
    }))
  );
  if (found.length === 0) return { ports: [], isComplete: true };
  const inodes = new InodeFinder();
  const wanted = found.map(({ protocol, entry }) => inodes.of(protocol, entry));
  const owners = await ownersOf(new Set(wanted.flat()), {
    goesOn: () => subsystem.status().state !== "stopped",
  });
  return {
    isComplete: owners.isComplete,
    ports: found.map(({ protocol, entry, counts }, i) => ({
      ...{ protocol, port: entry.port },
      addresses: entry.addresses,
      targets: entry.targets,
      error: entry.error,
      since: entry.since === undefined ? undefined : timeOf(entry.since),
      ...counts,
      processes: processesOf(wanted[i], owners),
    })),
  };
}

/** The sockets behind the targets of ports. Each table of the kernel is read once, if it is needed. */
class InodeFinder {
  readonly #tables = new Map<Protocol, readonly ServerSocket[]>();
  #unix: ReadonlyMap<string, string> | undefined;

  of(protocol: Protocol, { port, targets }: PortEntry): string[] {
    return targets.flatMap((target) => {
      const path = unixPathOf(target);
      if (path === undefined) {
        return this.#table(protocol)
          .filter((one) => one.port === port && one.address === target)
          .map(({ inode }) => inode);
      }
      this.#unix ??= listeningPaths(readFileSync("/proc/net/unix", "latin1"));
      const inode = this.#unix.get(path);
      return inode === undefined ? [] : [inode];
    });
  }

  #table(protocol: Protocol): readonly ServerSocket[] {
    const table = this.#tables.get(protocol) ?? serverSockets(protocol);
    this.#tables.set(protocol, table);
    return table;
  }
}

/** The processes that have one of the sockets open, each once, in the order of their pids. */
function processesOf(inodes: readonly string[], { byInode }: Owners) {
  const processes = inodes.flatMap((inode) => byInode.get(inode) ?? []);
  return [...new Map(processes.map((one) => [one.pid, one])).values()]
    .sort((a, b) => a.pid - b.pid);
}

/** The wall clock may have been set since: only the time that has passed is known. */
function timeOf(since: number): string {
  return new Date(Date.now() - (performance.now() - since)).toISOString();
}
