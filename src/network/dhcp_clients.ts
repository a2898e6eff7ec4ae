/**
 * DHCP clients that no other program runs: dhclient, dhcpcd and udhcpc. If the host has given the
 * address, the client of that interface is stopped: at its next renewal it would set the lease of the
 * machine from which the fork was made. It gets SIGKILL: with any other signal, some clients give the
 * lease back that others use, and some remove the address.
 * @module
 */
import { existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { hasCode, messageOf, resultUnless } from "../util/errors.ts";
import type { Facts } from "./facts.ts";
import type { Process } from "./processes.ts";
import { type Budget, runProgram } from "./program.ts";

/** Milliseconds for one call of systemctl. */
const CALL_MS = 3000;

/** A DHCP client of an interface. */
export interface DhcpClient {
  readonly name: string;
  readonly pid: number;
  readonly is6: boolean;
}

/** The DHCP clients among these processes that serve the interface. */
export function dhcpClientsOf(
  processes: readonly Process[],
  link: string,
  isLink: (name: string) => boolean = (name) =>
    existsSync(`/sys/class/net/${name}`),
): DhcpClient[] {
  return processes.flatMap(({ pid, name, args }): DhcpClient[] => {
    const words = args.flatMap((word) => word.split(/[\s=]+/)).slice(1);
    const applet = name === "busybox" ? words[0] : name;
    switch (applet) {
      case "dhclient":
      case "dhcpcd": {
        // Without the name of an interface, the client serves all of them.
        const links = words.filter(isLink);
        if (links.length > 0 && !links.includes(link)) return [];
        const is6 = words.includes("-6");
        return [{ name: applet, pid, is6 }];
      }
      case "udhcpc":
      case "udhcpc6": {
        const at = words.findIndex((word) => /^(?:-i|--interface)$/.test(word));
        const joined = words.find((word) => /^-i./.test(word))?.slice(2);
        const serves = joined ?? (at === -1 ? "eth0" : words[at + 1]);
        const is6 = applet === "udhcpc6";
        return serves === link ? [{ name: applet, pid, is6 }] : [];
      }
      default:
        return [];
    }
  });
}

/** The results of the clients of one interface. */
export interface ClientsTold {
  readonly told: string[];
  readonly notManaged: string[];
}

/** Stops the clients whose lease the host's address replaces. */
export async function tellDhcpClients(
  clients: readonly DhcpClient[],
  { given4, given6, link, identity }: Facts,
  budget: Budget,
): Promise<ClientsTold> {
  const told: string[] = [];
  const notManaged: string[] = [];
  for (const { name, pid, is6 } of clients) {
    // dhcpcd serves both families in one process.
    const both = name === "dhcpcd";
    const isReplaced = both ? given4 || given6 : is6 ? given6 : given4;
    if (isReplaced) {
      try {
        told.push(await stop(name, pid, budget));
      } catch (error) {
        notManaged.push(`${name}: ${messageOf(error)}`);
      }
    } else if (identity.mac !== undefined && both) {
      await runProgram(["dhcpcd", "-n", link.name], budget.left(CALL_MS))
        .then(
          () => told.push("dhcpcd: asked for a new lease"),
          (error) => notManaged.push(`dhcpcd: ${messageOf(error)}`),
        );
    } else if (identity.mac !== undefined) {
      notManaged.push(
        `${name}: keeps the lease of the former MAC address until it renews it`,
      );
    }
  }
  return { told, notManaged };
}

/** Stops a client; a service of its own is masked until the next boot, so that none starts it. */
async function stop(
  name: string,
  pid: number,
  budget: Budget,
): Promise<string> {
  const unit = unitOf(name, pid);
  const systemctl = (...args: string[]) =>
    runProgram(["systemctl", ...args], budget.left(CALL_MS));
  if (unit !== undefined) await systemctl("mask", "--runtime", unit);
  kill(pid);
  if (unit === undefined) return `${name}: stopped without a release`;
  await systemctl("reset-failed", unit).catch(() => {});
  return `${name}: stopped without a release, and ${unit} masked until the next boot`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** The service that is there for this client only; undefined if there is none. */
function unitOf(name: string, pid: number): string | undefined {
  const text = resultUnless(
    ["ENOENT", "ESRCH"],
    () => readFileSync(`/proc/${pid}/cgroup`, "utf8"),
  );
  const unit = /\/([^/\n]+\.service)\s*$/m.exec(text ?? "")?.[1];
  return unit?.startsWith(name) ? unit : undefined;
}
