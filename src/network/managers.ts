/**
 * Tells an identity to the programs that manage the interfaces, so that none of them sets the former
 * identity again. A program that cannot be told is no error: the kernel has the identity, and the
 * report says what is not managed.
 * @module
 */
import { readFileSync } from "node:fs";
import type { NetworkIdentity } from "../lifecycle/request.ts";
import type { Libc } from "../linux/libc.ts";
import { Network } from "../linux/rtnetlink.ts";
import { messageOf, resultUnless } from "../util/errors.ts";
import { listOf } from "./contradictions.ts";
import { dhcpClientsOf, tellDhcpClients } from "./dhcp_clients.ts";
import { type Facts, factsOf } from "./facts.ts";
import { changesLink, findLink } from "./link.ts";
import {
  isManagedByNetworkManager,
  tellNetworkManager,
} from "./network_manager.ts";
import { networkdState, tellNetworkd } from "./networkd.ts";
import { networkProcesses, type Process } from "./processes.ts";
import { Budget } from "./program.ts";
import { runsResolved, tellResolved } from "./resolved.ts";

/** Milliseconds for all programs together. */
const BUDGET_MS = 12_000;

/** ifupdown's list of the interfaces that it has configured. */
const IFSTATE = "/run/network/ifstate";

/** Who manages an interface, and what Lull told it. */
export interface Managed {
  readonly interface: string;
  /** The program; `none` if no known one manages the interface. */
  readonly manager: string;
  readonly told: readonly string[];
  /** What may set the former identity again, and why. */
  readonly notManaged: readonly string[];
}

/** Tells the programs. Empty if the identities concern none. */
export async function tellManagers(
  { libc }: { readonly libc: Libc },
  given: NetworkIdentity | readonly NetworkIdentity[],
): Promise<{ readonly managers?: readonly Managed[] }> {
  const identities = listOf(given).filter(concernsManagers);
  if (identities.length === 0) return {};
  const budget = new Budget(BUDGET_MS);
  const processes = networkProcesses();
  const managers: Managed[] = [];
  for (const identity of identities) {
    const facts = readFacts(libc, identity);
    if (facts === undefined) continue;
    managers.push(await tellOne(facts, processes, budget));
  }
  return { managers };
}

function concernsManagers(identity: NetworkIdentity): boolean {
  return changesLink(identity) ||
    (identity.dns ?? identity.search) !== undefined;
}

/** Undefined if name servers were given, and there is no interface that they could belong to. */
function readFacts(libc: Libc, identity: NetworkIdentity): Facts | undefined {
  using network = new Network(libc);
  try {
    const link = findLink(network, identity.interface);
    return factsOf(network, link, identity);
  } catch (error) {
    if (changesLink(identity)) throw error;
    return undefined;
  }
}

async function tellOne(
  facts: Facts,
  processes: readonly Process[],
  budget: Budget,
): Promise<Managed> {
  const { link: { name, index }, identity } = facts;
  const runs = (program: string) =>
    processes.some((process) => process.name === program);
  const told: string[] = [];
  const notManaged: string[] = [];
  const tell = async (program: string, call: () => Promise<string[]>) => {
    try {
      told.push(...(await call()).map((what) => `${program}: ${what}`));
    } catch (error) {
      notManaged.push(`${program}: ${messageOf(error)}`);
    }
  };
  const report = (manager: string) => ({
    ...{ interface: name, manager, told, notManaged },
  });

  const state = runs("systemd-network") ? networkdState(index) : undefined;
  if (state !== undefined) {
    const program = "systemd-networkd";
    await tell(program, () => tellNetworkd(facts, state, budget));
    return report(program);
  }
  if (runs("NetworkManager") && isManagedByNetworkManager(index)) {
    const program = "NetworkManager";
    await tell(program, () => tellNetworkManager(facts, budget));
    return report(program);
  }
  const clients = dhcpClientsOf(processes, name);
  const dhcp = await tellDhcpClients(clients, facts, budget);
  told.push(...dhcp.told);
  notManaged.push(...dhcp.notManaged);
  const hasIfupdown = isOfIfupdown(name);
  if (hasIfupdown && changesLink(identity)) {
    notManaged.push(
      "ifupdown: a later ifup sets what /etc/network/interfaces says",
    );
  }
  if (runsResolved(processes)) {
    await tell("systemd-resolved", () => tellResolved(name, identity, budget));
  }
  return report(hasIfupdown ? "ifupdown" : clients[0]?.name ?? "none");
}

/** Whether ifupdown has configured the interface. */
function isOfIfupdown(name: string): boolean {
  const text = resultUnless(["ENOENT"], () => readFileSync(IFSTATE, "utf8"));
  return text?.split("\n").some((line) => line.split("=")[0] === name) ?? false;
}
