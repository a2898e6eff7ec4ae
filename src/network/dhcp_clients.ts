/**
 * DHCP clients that no other program runs: dhclient, dhcpcd and udhcpc. If the host has given the
 * address, the client of that interface is stopped: at its next renewal it would set the lease of the
 * machine from which the fork was made. It gets SIGKILL: with any other signal, some clients give the
 * lease back that others use, and some remove the address.
 * @module
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { hasCode, messageOf, resultUnless } from "../util/errors.ts";
import type { Facts } from "./facts.ts";
import type { Process } from "./processes.ts";
import { type Budget, findProgram, runProgram } from "./program.ts";

/** Milliseconds for one call of systemctl, which reads all units again. */
const CALL_MS = 15_000;

/** Settings of units until the next boot (systemd.unit(5)); those in /etc keep their priority. */
const DROP_INS = "/run/systemd/system";
const DROP_IN =
  `# Lull: this machine is a fork, and the host has given its address.
[Unit]
# Never true: a start is skipped, and is no failure.
ConditionPathExists=!/
[Service]
Restart=no
SuccessExitStatus=SIGKILL
`;

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

/** Stops a client. If it is a service, its start is skipped until the next boot. */
async function stop(
  name: string,
  pid: number,
  budget: Budget,
): Promise<string> {
  const unit = await unitOf(pid, budget);
  if (unit === undefined) {
    kill(pid);
    return `${name}: stopped without a release`;
  }
  const directory = `${DROP_INS}/${unit}.d`;
  mkdirSync(directory, { recursive: true });
  writeFileSync(`${directory}/50-lull.conf`, DROP_IN);
  try {
    await runProgram(["systemctl", "daemon-reload"], budget.left(CALL_MS));
  } finally {
    kill(pid);
  }
  return `${name}: stopped without a release, and ${unit} does not start until the next boot`;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** The service of systemd whose main process this is; undefined if there is none. */
async function unitOf(
  pid: number,
  budget: Budget,
): Promise<string | undefined> {
  const text = resultUnless(
    ["ENOENT", "ESRCH"],
    () => readFileSync(`/proc/${pid}/cgroup`, "utf8"),
  );
  const unit = /\/([^/\n]+\.service)\s*$/m.exec(text ?? "")?.[1];
  if (unit === undefined || findProgram("systemctl") === undefined) return;
  const main = await runProgram(
    ["systemctl", "show", "--property=MainPID", "--value", unit],
    budget.left(CALL_MS),
  );
  return Number(main) === pid ? unit : undefined;
}
