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
import { profileOf, tellNetworkManager } from "./network_manager.ts";
import { networkdState, tellNetworkd } from "./networkd.ts";
import { networkProcesses, type Process } from "./processes.ts";
import { Budget } from "./program.ts";
import { runsResolved, tellResolved } from "./resolved.ts";

/** Milliseconds for all programs together. */
const BUDGET_MS = 25_000;

/** ifupdown's list of the interfaces that it has configured. */
const IFSTATE = "/run/network/ifstate";

/** The program that manages an interface, and what Lull told it. */
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
  const all = identities.flatMap((one) => readFacts(libc, one) ?? []);
  const runs = (program: string) =>
    processes.some(({ name }) => name === program);
  const byNetworkd = !runs("systemd-network") ? [] : all.flatMap((facts) => {
    const state = networkdState(facts.link.index);
    return state === undefined ? [] : [{ facts, state }];
  });
  const networkd = await tellNetworkd(byNetworkd, budget);
  const managers: Managed[] = [];
  for (const facts of all) {
    const { name, index } = facts.link;
    const result = networkd.get(name);
    const profile = runs("NetworkManager") ? profileOf(index) : undefined;
    if (result !== undefined) {
      managers.push(await report(name, "systemd-networkd", () => result));
    } else if (profile !== undefined) {
      const tell = () => tellNetworkManager(facts, profile, budget);
      managers.push(await report(name, "NetworkManager", tell));
    } else managers.push(await tellOthers(facts, processes, budget));
  }
  return { managers };
}

/** The report of an interface that one program manages. */
async function report(
  name: string,
  manager: string,
  tell: () => Promise<string[]> | string[] | Error,
): Promise<Managed> {
  const [told, notManaged] = await resultOf(manager, tell);
  return { interface: name, manager, told, notManaged };
}

/** What the program was told, and why it could not be told. */
async function resultOf(
  program: string,
  tell: () => Promise<string[]> | string[] | Error,
): Promise<[told: string[], notManaged: string[]]> {
  try {
    const told = await tell();
    if (told instanceof Error) throw told;
    return [told.map((what) => `${program}: ${what}`), []];
  } catch (error) {
    return [[], [`${program}: ${messageOf(error)}`]];
  }
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

/** The report of an interface that neither networkd nor NetworkManager manages. */
async function tellOthers(
  facts: Facts,
  processes: readonly Process[],
  budget: Budget,
): Promise<Managed> {
  const { link: { name }, identity } = facts;
  const clients = dhcpClientsOf(processes, name);
  const { told, notManaged } = await tellDhcpClients(clients, facts, budget);
  const hasIfupdown = isOfIfupdown(name);
  if (hasIfupdown && changesLink(identity)) {
    notManaged.push(
      "ifupdown: a later ifup sets what /etc/network/interfaces says",
    );
  }
  if (runsResolved(processes)) {
    const tell = () => tellResolved(name, identity, budget);
    const [done, failed] = await resultOf("systemd-resolved", tell);
    told.push(...done);
    notManaged.push(...failed);
  }
  const manager = hasIfupdown ? "ifupdown" : clients[0]?.name ?? "none";
  return { interface: name, manager, told, notManaged };
}

/** Whether ifupdown has configured the interface. */
function isOfIfupdown(name: string): boolean {
  const text = resultUnless(["ENOENT"], () => readFileSync(IFSTATE, "utf8"));
  return text?.split("\n").some((line) => line.split("=")[0] === name) ?? false;
}
