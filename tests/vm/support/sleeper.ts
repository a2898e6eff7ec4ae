import { prepareSettled, stepOf } from "./agent.ts";
import type { Fleet } from "./fleet.ts";
import { uptime } from "./guest.ts";
import type { Machine, Snapshot } from "./machine.ts";
import { Peer, startHolders, startRecorder } from "./workload.ts";

/** A prepared machine in a file, and what was known of it as it froze. */
export interface Sleeper {
  readonly snapshot: Snapshot;
  /** The machine itself, which stands still. */
  readonly source: Machine;
  readonly generation: number;
  /** As the report says: the workload stood still, by the guest's clock. */
  readonly frozenAt: number;
  /** The guest's uptime a moment before it stopped, in milliseconds. */
  readonly uptime: number;
  /** performance.now() as it stopped. */
  readonly stoppedAt: number;
  /** The other end of its connection to this host. */
  readonly peer: Peer;
}

/** Prepares a machine whose workload counts, and holds connections. */
export async function layDown(fleet: Fleet): Promise<Sleeper> {
  const source = await fleet.copy();
  fleet.keep(source);
  const peer = await Peer.start();
  await startRecorder(source);
  await startHolders(source, peer);
  const { generation } = await (await source.fetch("/health")).json();
  const { steps } = await prepareSettled(source, "operation=sleeper");
  const { effect } = stepOf(steps, "workload");
  const before = await uptime(source);
  await source.stop();
  const stoppedAt = performance.now();
  const snapshot = await fleet.snapshot(source, "workload at rest");
  return {
    ...{ snapshot, source, generation, stoppedAt, peer },
    frozenAt: Date.parse(String(effect?.frozenAt)),
    uptime: before,
  };
}
