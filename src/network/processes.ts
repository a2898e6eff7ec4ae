/**
 * Finds the programs of this machine that manage networks, by their processes.
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process of this network namespace. */
export interface Process {
  readonly pid: number;
  /** The name of its program: the first 15 bytes (proc_pid_comm(5)). */
  readonly name: string;
  readonly args: readonly string[];
}

/** The names of the programs that Lull knows. A busybox may be a DHCP client. */
const KNOWN = new Set([
  ...["systemd-network", "systemd-resolve", "NetworkManager"],
  ...["dhclient", "dhcpcd", "udhcpc", "udhcpc6", "busybox"],
]);

/** Lists the processes of known programs in the network namespace of this process. */
export function networkProcesses(): Process[] {
  const own = namespaceOf("self");
  return readdirSync("/proc").flatMap((pid): Process[] => {
    if (!/^\d+$/.test(pid)) return [];
    try {
      const name = readFileSync(`/proc/${pid}/comm`, "utf8").trim();
      // A container has a network and programs of its own.
      if (!KNOWN.has(name) || namespaceOf(pid) !== own) return [];
      const args = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
      return [{ pid: Number(pid), name, args: args.slice(0, -1) }];
    } catch {
      return []; // The process has ended, or hides.
    }
  });
}

function namespaceOf(pid: string): string {
  return readlinkSync(`/proc/${pid}/ns/net`);
}
