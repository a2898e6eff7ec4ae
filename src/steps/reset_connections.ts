/**
 * Step and repair: connections of the workload whose peer stayed behind in
 * another time are destroyed, so that clients fail fast and connect again.
 * @module
 */
import type { RecoverRequest, Repair, Step } from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";
import {
  destroyTcp,
  listTcp,
  type SocketIdentity,
  type TcpConnection,
} from "../linux/sock_diag.ts";
import type { NetworkRequest } from "./network.ts";

/**
 * A connection that was silent this much longer than the restore is ago, in
 * milliseconds, existed before it.
 */
const MARGIN_MS = 100;

/** What the pair needs. */
export interface ResetOptions {
  readonly libc: Libc;
  /** Ports of the agent, whose connections have a keeper of their own. */
  readonly ownPorts: () => readonly number[];
  /** performance.now() of the restore, where there is evidence of when. */
  readonly restoredAt: () => number | undefined;
  readonly list?: typeof listTcp;
  readonly destroy?: typeof destroyTcp;
}

/** The step that records, and the repair that destroys what it recorded. */
export interface ResetConnections {
  readonly record: Step;
  readonly reset: Repair;
}

/**
 * The step's effect: `recorded`. The repair's: `destroyed`, `gone` (ended by
 * themselves), `failed` (kernel's reasons, each once, with a count). Only
 * connections in the agent's network namespace are seen.
 */
export function resetConnections(options: ResetOptions): ResetConnections {
  const { libc, restoredAt, list = listTcp, destroy = destroyTcp } = options;
  let recorded: TcpConnection[] | undefined;
  return {
    record: {
      name: "workload-connections",
      limitMs: 5000,
      onFailure: "continue",
      quiesce() {
        recorded = undefined;
        if (libc.socket === undefined) {
          return { skipped: "the C library could not be loaded" };
        }
        recorded = foreign(list(libc), options.ownPorts());
        return { effect: { recorded: recorded.length } };
      },
    },
    reset: {
      name: "reset-connections",
      limitMs: 5000,
      repair({ outcome, request }) {
        const stale = recorded;
        recorded = undefined;
        if (outcome !== "restored") {
          return { skipped: `left alone at outcome ${outcome}` };
        }
        if (stale === undefined) {
          return { skipped: "no connections were recorded at the prepare" };
        }
        const { network }: RecoverRequest & NetworkRequest = request;
        const remote = network?.address === undefined
          ? spareLocal(stale)
          : stale;
        const identities = new Map(
          [...remote, ...silentSince(restoredAt())].map((
            { identity },
          ) => [identity.bytes.join(), identity]),
        );
        return summary(libc, [...identities.values()]);
      },
    },
  };

  /** Those that came up between the record and the freeze, and are silent. */
  function silentSince(at: number | undefined): TcpConnection[] {
    if (at === undefined) return [];
    const ago = performance.now() - at + MARGIN_MS;
    const now = foreign(list(libc), options.ownPorts());
    return spareLocal(now).filter(({ established, silentMs }) =>
      established && silentMs !== undefined && silentMs > ago
    );
  }

  function summary(libc: Libc, identities: SocketIdentity[]) {
    let destroyed = 0;
    let gone = 0;
    const failed: Record<string, number> = {};
    for (const fate of destroy(libc, identities)) {
      if (fate === "destroyed") destroyed++;
      else if (fate === "gone") gone++;
      else failed[fate.failed] = (failed[fate.failed] ?? 0) + 1;
    }
    return { destroyed, gone, failed };
  }
}

/** Neither on loopback, which the snapshot holds whole, nor the agent's own. */
function foreign(
  connections: readonly TcpConnection[],
  ownPorts: readonly number[],
): TcpConnection[] {
  return connections.filter(({ local, localPort, remote }) =>
    !isLoopback(local) && !isLoopback(remote) && !ownPorts.includes(localPort)
  );
}

/**
 * Without those whose other end is in the list too: both ends are in this
 * machine and were in the snapshot, on whatever address.
 */
function spareLocal(connections: readonly TcpConnection[]): TcpConnection[] {
  const ends = new Set(
    connections.map(({ local, localPort, remote, remotePort }) =>
      `${local} ${localPort} ${remote} ${remotePort}`
    ),
  );
  return connections.filter(({ local, localPort, remote, remotePort }) =>
    !ends.has(`${remote} ${remotePort} ${local} ${localPort}`)
  );
}

function isLoopback(address: string): boolean {
  // As the kernel gives them: nothing else begins like this.
  return address === "::1" || address.startsWith("127.");
}
