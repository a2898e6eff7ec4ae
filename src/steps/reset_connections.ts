/**
 * Step and repair: connections of the workload whose peer stayed behind in
 * another time are destroyed, so that clients fail fast and connect again.
 * @module
 */
import type { RecoveryContext, Repair, Step } from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";
import {
  type Destroyed,
  type SocketIdentity,
  type TcpConnection,
  TcpTable,
} from "../linux/sock_diag.ts";

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
  /** Opens the kernel's table of connections. */
  readonly open?: () => Pick<TcpTable, "list" | "destroy"> & Disposable;
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
  const { libc, ownPorts, restoredAt } = options;
  const { open = () => new TcpTable(libc) } = options;
  let recorded: readonly TcpConnection[] | undefined;
  // Stays open: to open it, and to close it, takes time of a recovery's caller.
  let table: ReturnType<typeof open> | undefined;
  const forget = () => void (recorded = undefined);
  const close = () => {
    forget();
    table?.[Symbol.dispose]();
    table = undefined;
  };
  return {
    record: {
      quiesce() {
        forget();
        if (libc.socket === undefined) {
          return { skipped: "the C library could not be loaded" };
        }
        table ??= open();
        try {
          recorded = foreign(table.list());
        } catch (error) {
          close(); // the next prepare begins with another
          throw error;
        }
        const undo = ({ held }: RecoveryContext) => {
          if (!held) forget();
        };
        return { effect: { recorded: recorded.length }, undo };
      },
    },
    reset: {
      repair({ outcome, request, dryRun }) {
        // Kept for a host that says later that the machine was restored.
        if (outcome !== "restored") {
          return { skipped: `left alone at outcome ${outcome}` };
        }
        const stale = recorded;
        recorded = undefined;
        if (stale === undefined || table === undefined) {
          return { skipped: "no connections were recorded at the prepare" };
        }
        if (dryRun) {
          // Lists them as a fork does; the next prepare opens a table of its own.
          silentSince(table, performance.now());
          close();
          return summary([]);
        }
        const { network } = request;
        const silent = silentSince(table, restoredAt());
        if (stale.length + silent.length === 0) return summary([]);
        const remote = network?.address === undefined
          ? spareLocal(stale)
          : stale;
        return summary(table.destroy(identitiesOf([...remote, ...silent])));
      },
    },
  };

  /** Those that came up between the record and the freeze, and are silent. */
  function silentSince(
    table: Pick<TcpTable, "list">,
    at: number | undefined,
  ): readonly TcpConnection[] {
    if (at === undefined) return [];
    const ago = performance.now() - at + MARGIN_MS;
    return spareLocal(foreign(table.list())).filter((
      { established, silentMs },
    ) => established && silentMs !== undefined && silentMs > ago);
  }

  /** Not the agent's own, and not on loopback, which the snapshot holds whole. */
  function foreign(connections: readonly TcpConnection[]): TcpConnection[] {
    const own = ownPorts();
    return connections.filter(({ local, localPort, remote }) =>
      !own.includes(localPort) && !isLoopback(local) && !isLoopback(remote)
    );
  }

  function summary(fates: readonly Destroyed[]) {
    let destroyed = 0;
    let gone = 0;
    const failed: Record<string, number> = {};
    for (const fate of fates) {
      if (fate === "destroyed") destroyed++;
      else if (fate === "gone") gone++;
      else failed[fate.failed] = (failed[fate.failed] ?? 0) + 1;
    }
    return { destroyed, gone, failed };
  }
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

/** Each once. */
function identitiesOf(connections: readonly TcpConnection[]): SocketIdentity[] {
  const seen = new Set<number>();
  return connections.flatMap(({ cookie, identity }) => {
    if (seen.has(cookie)) return [];
    seen.add(cookie);
    return [identity];
  });
}

function isLoopback(address: string): boolean {
  // As the kernel gives them: nothing else begins like this.
  return address === "::1" || address.startsWith("127.");
}
