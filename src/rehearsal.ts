/**
 * A recovery gone through without effect: or the first one would bring the
 * program's pages back from the disk while its caller waits.
 * @module
 */
import { unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EvidenceObserver, FORK_WORDS } from "./evidence.ts";
import { lookForEvidence } from "./evidence_check.ts";
import { LateRepairs } from "./lifecycle/late.ts";
import { Lifecycle } from "./lifecycle/lifecycle.ts";
import type { Effect, Repair } from "./lifecycle/step.ts";
import { type KernelLog, openKernelLog } from "./linux/kmsg.ts";
import type { Libc } from "./linux/libc.ts";
import { TcpTable } from "./linux/sock_diag.ts";
import { Metrics } from "./metrics.ts";
import type { Runtime } from "./runtime/types.ts";
import type { ConnectionKeeper } from "./server/keeper.ts";
import type { Sweeper } from "./server/sweeper.ts";
import { clockRepair } from "./steps/clock.ts";
import { entropyRepair, wasReseeded } from "./steps/entropy.ts";
import { tryPublishing } from "./steps/generation.ts";
import { networkRepair } from "./steps/network.ts";
import { parallelismStep } from "./steps/parallelism.ts";
import { resetConnections } from "./steps/reset_connections.ts";

/** What a rehearsal needs. */
export interface RehearsalOptions {
  readonly libc: Libc;
  readonly runtime: Pick<Runtime, "openInput">;
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
  const { libc, runtime, observer, keeper, sweeper, ownPorts } = options;
  const connections = resetConnections({
    libc,
    ownPorts,
    restoredAt: () => performance.now(),
    open: () => new UntouchedTcpTable(libc),
  });
  // A kernel that has reseeded by itself leaves nothing to be done.
  const entropy = entropyRepair({ libc, kernelReseeded: () => true });
  const clock = clockRepair({ libc, hostClock: () => undefined });
  const forkLog = openForkLog(options);
  const fork = forkLog && new EvidenceObserver({
    ...{ libc, runtime },
    clocks: [],
    onError() {},
    openLog: () => forkLog,
  });
  const metrics = new Metrics();
  const late = new LateRepairs({ entropy, clock, wasReseeded });
  const lifecycle = new Lifecycle({
    plan: {
      beforeReply: [connections.record],
      settle: [parallelismStep(keepingCpus(libc))],
      repairs: [
        entropy,
        clock,
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
    // Where the kernel knows of no forks, the clocks are asked.
    async evidence() {
      const evidence = await lookForEvidence(observer);
      return fork === undefined ? evidence : await lookForEvidence(fork);
    },
    onRunning(operation, recovery, request) {
      metrics.ended(operation, recovery);
      late.note(recovery, request);
    },
    leaseSeconds: 60,
    newId: () => "rehearsal",
  });
  observer.mark();
  fork?.mark();
  await lifecycle.settle(await lifecycle.prepare());
  const recovery = await lifecycle.recover(
    "health",
    fork === undefined ? { outcome: "restored" } : {},
  );
  forkLog?.close();
  await options.askHealth();
  return (recovery?.steps ?? []).flatMap(({ name, status, reason }) =>
    status === "failed" ? [`${name}: ${reason}`] : []
  );
}

/**
 * A kernel's log, in a file, that says that this is a fork; undefined where no
 * file can be written, which the publishing has the words for.
 */
function openForkLog(
  { libc, runtimeDirectory }: RehearsalOptions,
): KernelLog | undefined {
  const path = join(runtimeDirectory, "kmsg.try");
  try {
    writeFileSync(path, `5,1,1,-;${FORK_WORDS}\n`);
    const { find, close } = openKernelLog(libc, path);
    unlinkSync(path);
    return { find, close, skip() {} };
  } catch {
    return undefined;
  }
}

function once(name: string, action: () => Effect | void): Repair {
  return { name, limitMs: 5000, repair: () => action() ?? {} };
}

/** The kernel's table, of which nothing is destroyed. */
class UntouchedTcpTable extends TcpTable {
  override destroy() {
    return super.destroy([]);
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
