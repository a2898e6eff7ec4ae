/**
 * Step and repair: destroy the workload's stale connections after a restore. Their peers do not know
 * the restored guest; a destroyed connection makes its client fail at once and connect again.
 * @module
 */
import {
  type RecoveryContext,
  type Repair,
  type Step,
  WITHOUT_LIBC,
} from "../lifecycle/step.ts";
import { isLoopback } from "../linux/ip.ts";
import type { Libc } from "../linux/libc.ts";
import {
  type Destroyed,
  type SocketIdentity,
  type TcpConnection,
  TcpTable,
} from "../linux/sock_diag.ts";

/**
 * Milliseconds. A connection that has been silent for longer than the time since the restore, by
 * this much, existed before the restore.
 */
const MARGIN_MS = 100;

/** What the step and the repair need. */
interface ResetOptions {
  readonly libc: Libc;
  /** The ports of the agent; the connection tracker handles their connections. */
  readonly ownPorts: () => readonly number[];
  /** performance.now() of the restore, if there is evidence of the time. */
  readonly restoredAt: () => number | undefined;
  /** Opens the kernel's table of connections. */
  readonly open?: () => Pick<TcpTable, "list" | "destroy"> & Disposable;
}

/** The step that records connections, and the repair that destroys the recorded ones. */
interface ResetConnections {
  readonly record: Step;
  readonly reset: Repair;
}

/**
 * The step's effect: `recorded`. The repair's effect: `destroyed`, `gone` (the connection had ended),
 * `failed` (each reason of the kernel, with a count). Both see only connections in the agent's
 * network namespace.
 */
export function resetConnections(options: ResetOptions): ResetConnections {
  const { libc, ownPorts, restoredAt } = options;
  const { open = () => new TcpTable(libc) } = options;
  let recorded: readonly TcpConnection[] | undefined;
  // Stays open, because the caller of a recovery would wait for the open and the close.
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
        if (libc.socket === undefined) return WITHOUT_LIBC;
        table ??= open();
        try {
          recorded = foreign(table.list());
        } catch (error) {
          close(); // the next prepare opens another table
          throw error;
        }
        const undo = ({ wasQuiesced }: RecoveryContext) => {
          if (!wasQuiesced) forget();
        };
        return { effect: { recorded: recorded.length }, undo };
      },
    },
    reset: {
      repair({ outcome, request, dryRun }) {
        // The record is kept, because a host may say later that the machine was restored.
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
        const hasNewAddress = [request.network ?? []].flat()
          .some(({ address }) => address !== undefined);
        const silent = silentSince(table, restoredAt());
        if (stale.length + silent.length === 0) return summary([]);
        const remote = hasNewAddress ? stale : withoutLocal(stale);
        return summary(table.destroy(identitiesOf([...remote, ...silent])));
      },
    },
  };

  /** Lists connections that were opened between the record and the freeze and are silent. */
  function silentSince(
    table: Pick<TcpTable, "list">,
    at: number | undefined,
  ): readonly TcpConnection[] {
    if (at === undefined) return [];
    const ago = performance.now() - at + MARGIN_MS;
    return withoutLocal(foreign(table.list())).filter((
      { established, silentMs },
    ) => established && silentMs !== undefined && silentMs > ago);
  }

  /**
   * Without the agent's own connections, and without those on loopback: both of their ends are in the
   * snapshot.
   */
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
 * Without connections whose other end is in the list too: both ends are in this machine and were in
 * the snapshot.
 */
function withoutLocal(connections: readonly TcpConnection[]): TcpConnection[] {
  const ends = new Set(
    connections.map(({ local, localPort, remote, remotePort }) =>
      `${local} ${localPort} ${remote} ${remotePort}`
    ),
  );
  return connections.filter(({ local, localPort, remote, remotePort }) =>
    !ends.has(`${remote} ${remotePort} ${local} ${localPort}`)
  );
}

/** The identities of the connections, each once. */
function identitiesOf(connections: readonly TcpConnection[]): SocketIdentity[] {
  const seen = new Set<number>();
  return connections.flatMap(({ cookie, identity }) => {
    if (seen.has(cookie)) return [];
    seen.add(cookie);
    return [identity];
  });
}
