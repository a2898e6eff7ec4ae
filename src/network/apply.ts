/**
 * Applies the network identity of a fork: its interfaces, its names, and the programs that manage
 * them. Loaded only if a host gives an identity.
 * @module
 */
import { join } from "node:path";
import type { NetworkIdentity } from "../lifecycle/request.ts";
import { formatIp, parseIp } from "../linux/ip.ts";
import type { Libc } from "../linux/libc.ts";
import { Network } from "../linux/rtnetlink.ts";
import { messageOf } from "../util/errors.ts";
import type { Change, Work } from "./change.ts";
import { addressesIn, contradictionIn, listOf } from "./contradictions.ts";
import { changeLink, changesLink, findLink } from "./link.ts";
import { changeNames, resolverOf } from "./names.ts";
import { networkProcesses } from "./processes.ts";
import { resolvedMakes } from "./resolved.ts";

/** What the repair needs to apply an identity. */
export interface ApplyOptions {
  readonly libc: Libc;
  /** The addresses from which ports are forwarded: they stay, whatever their network is. */
  readonly forwardAddresses: readonly string[];
  /** The directory for files that are mounted over those of /etc. */
  readonly directory: string;
  /** Tests replace it. */
  readonly etc?: string;
}

/** The report of one interface. */
export interface InterfaceEffect {
  readonly interface?: string;
  readonly changed: readonly string[];
}

/** What was applied. */
export interface Applied {
  readonly interfaces: readonly InterfaceEffect[];
  /** The addresses that were replaced, and their replacements. */
  readonly replaced: ReadonlyMap<string, string>;
  /** Whether the machine still has the address of the call, and will lose it. */
  readonly isLeft: boolean;
}

/**
 * Applies the identities. If a part fails, undoes the changes before it and throws an error that
 * says so. `replyOver` is the address of this machine that stays until its caller has the reply.
 */
export function applyIdentities(
  options: ApplyOptions,
  given: NetworkIdentity | readonly NetworkIdentity[],
  replyOver?: string,
): Applied {
  const contradiction = contradictionIn(given);
  if (contradiction !== undefined) throw new Error(contradiction);
  const identities = listOf(given);
  const { libc } = options;
  const forwardAddresses = options.forwardAddresses.map((text) =>
    formatIp(parseIp(text)!)
  );
  const changes: Change[][] = [];
  using network = new Network(libc);
  const replaced = new Map<string, string>();
  const used = new Set<number>();
  let isLeft = false;
  try {
    const interfaces = identities.map((identity) => {
      const done: Change[] = [];
      changes.push(done);
      if (!changesLink(identity)) return { changed: done };
      const link = findLink(network, identity.interface);
      if (used.has(link.index)) {
        throw new Error(
          `Cannot set interface ${link.name}: it is there twice; give it once`,
        );
      }
      used.add(link.index);
      const work: Work = {
        ...{ network, link, done, forwardAddresses, replyOver, lost: [] },
      };
      changeLink(libc, identity, work);
      for (const [from, to] of replacements(identity, work)) {
        replaced.set(from, to);
      }
      const own = addressesIn(identity).map(({ address }) => address);
      isLeft ||= work.lost.some(({ address }) =>
        address === replyOver && !own.includes(address)
      );
      return { interface: link.name, changed: done };
    });
    const done = changes.at(-1)!;
    changeNames(identities, {
      ...{
        libc,
        done,
        addresses: replaced,
        writeResolver: !makesResolver(options, identities),
      },
      etc: options.etc ?? "/etc",
      directory: join(options.directory, "etc"),
      persist: identities.some(({ persist }) => persist),
    });
    return {
      interfaces: interfaces.map(({ changed, ...rest }) => ({
        ...rest,
        changed: changed.flatMap(({ what }) => what ?? []),
      })),
      ...{ replaced, isLeft },
    };
  } catch (error) {
    throw new Error(`${messageOf(error)}; ${undoChanges(changes.flat())}`, {
      cause: error,
    });
  }
}

/** Whether a program makes resolv.conf, and is told the name servers of the identities. */
function makesResolver(
  { etc = "/etc" }: ApplyOptions,
  identities: readonly NetworkIdentity[],
): boolean {
  if (resolverOf(identities) === undefined) return false;
  return resolvedMakes(join(etc, "resolv.conf"), networkProcesses());
}

/** Each address that the interface loses, with the new one of its family. */
function replacements(
  identity: NetworkIdentity,
  { lost }: Pick<Work, "lost">,
): [string, string][] {
  const wanted = addressesIn(identity).map(({ address }) => address);
  return lost.flatMap(({ address }): [string, string][] => {
    const to = wanted.find((one) =>
      one.includes(":") === address.includes(":")
    );
    return to === undefined || to === address ? [] : [[address, to]];
  });
}

/** Undoes the changes, the last one first; returns text that says what could not be undone. */
function undoChanges(done: Change[]): string {
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
