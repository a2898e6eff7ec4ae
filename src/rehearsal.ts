/**
 * A recovery gone through without effect: or the first one would bring the
 * program's pages back from the disk while its caller waits.
 * @module
 */
import type { EvidenceObserver } from "./evidence.ts";
import { lookForEvidence } from "./evidence_check.ts";
import { Lifecycle } from "./lifecycle/lifecycle.ts";
import type { Effect, Repair } from "./lifecycle/step.ts";
import type { Libc } from "./linux/libc.ts";
import { TcpTable } from "./linux/sock_diag.ts";
import type { ConnectionKeeper } from "./server/keeper.ts";
import type { Sweeper } from "./server/sweeper.ts";
import { clockRepair } from "./steps/clock.ts";
import { entropyRepair } from "./steps/entropy.ts";
import { tryPublishing } from "./steps/generation.ts";
import { networkRepair } from "./steps/network.ts";
import { parallelismStep } from "./steps/parallelism.ts";
import { resetConnections } from "./steps/reset_connections.ts";

/** What a rehearsal needs. */
export interface RehearsalOptions {
  readonly libc: Libc;
  readonly observer: Pick<EvidenceObserver, "mark" | "check">;
  readonly keeper: Pick<ConnectionKeeper, "recover">;
  readonly sweeper: Pick<Sweeper, "start" | "stop">;
  readonly ownPorts: () => number[];
  readonly runtimeDirectory: string;
  /** Asks the agent for its health, as a host does. */
  readonly askHealth: () => Promise<unknown>;
}

/**
 * Goes through it once; gives the words of what would fail. Changes nothing: a
 * file beside the generation comes and goes, and each thread is given the CPUs
 * that it has. No prepare may run meanwhile.
 */
export async function rehearse(
  options: RehearsalOptions,
): Promise<readonly string[]> {
  const { libc, observer, keeper, sweeper, ownPorts } = options;
  const connections = resetConnections({
    libc,
    ownPorts,
    restoredAt: () => performance.now(),
    open: () => new UntouchedTcpTable(libc),
  });
  const lifecycle = new Lifecycle({
    plan: {
      beforeReply: [connections.record],
      settle: [parallelismStep(keepingCpus(libc))],
      repairs: [
        // A kernel that has reseeded by itself leaves nothing to be done.
        entropyRepair({ libc, kernelReseeded: () => true }),
        clockRepair({ libc, hostClock: () => undefined }),
        networkRepair(libc),
        connections.reset,
        once("generation", () => tryPublishing(options.runtimeDirectory)),
        // What is undone while nothing is quiesced stays as it is.
        once("connections", () => {
          sweeper.stop();
          sweeper.start();
          return keeper.recover();
        }),
      ],
    },
    evidence: () => lookForEvidence(observer),
    leaseSeconds: 60,
    newId: () => "rehearsal",
  });
  observer.mark();
  await lifecycle.settle(await lifecycle.prepare());
  const recovery = await lifecycle.recover("health", { outcome: "restored" });
  await options.askHealth();
  return (recovery?.steps ?? []).flatMap(({ name, status, reason }) =>
    status === "failed" ? [`${name}: ${reason}`] : []
  );
}

function once(name: string, action: () => Effect | void): Repair {
  return { name, limitMs: 5000, repair: () => action() ?? {} };
}

/** The kernel's table, of which nothing is destroyed. */
class UntouchedTcpTable extends TcpTable {
  override destroy(): [] {
    return [];
  }
}

/** A libc that gives each thread the CPUs that it has, whatever it is told. */
function keepingCpus(libc: Libc): Libc {
  const { sched_getaffinity: read, sched_setaffinity: write } = libc;
  if (read === undefined || write === undefined) return libc;
  const keep: typeof write = (thread, size, mask) => {
    const own = new Uint8Array(mask!.length);
    return read(thread, size, own) === -1 ? -1 : write(thread, size, own);
  };
  // Not a copy, which would bind every function that there is.
  return Object.create(libc, { sched_setaffinity: { value: keep } });
}
