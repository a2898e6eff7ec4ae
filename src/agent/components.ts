/**
 * The components of the agent, from which its steps and repairs are made.
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { EvidenceObserver } from "../evidence/observer.ts";
import type { OwedThaws } from "../hooks/owed_thaws.ts";
import type { HookRegistry } from "../hooks/registry.ts";
import type { HostClock, HostClockFinder } from "../linux/clock.ts";
import type { Libc } from "../linux/libc.ts";
import type { WorkingSet } from "../memory/working_set.ts";
import type { IdleCollector } from "../memory/idle_collector.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { PortSubsystem } from "../ports/subsystem.ts";
import type { Runtime } from "../runtime/types.ts";
import type { ConnectionTracker } from "../connections/tracker.ts";
import type { Sweeper } from "../connections/sweeper.ts";
import type { GenerationFile } from "../steps/generation.ts";

/** The components of the agent. */
export interface Components {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly libc: Libc;
  readonly idle: IdleCollector;
  readonly tracker: ConnectionTracker;
  /** Work on timers: runs while the guest runs, and stops while it is quiesced. */
  readonly sweeper: Pick<Sweeper, "start" | "stop">;
  readonly ports: PortSubsystem | undefined;
  readonly registry: HookRegistry;
  readonly owed: OwedThaws;
  readonly observer: EvidenceObserver;
  readonly hostClocks: HostClockFinder;
  readonly program: WorkingSet;
  readonly queue: DeferredQueue;
  readonly generationFile: GenerationFile;
  readonly ownPorts: () => readonly number[];
  /** The module of the thread that freezes mounts. */
  readonly freezerUrl: URL;
  /** Recovers, if there is evidence of a restore and the host has not called. */
  readonly recover: () => void;
  /** Gets errors that occur after the end of their step. */
  readonly onError: (error: unknown) => void;
}

/** What repairs need to know about the guest and its machine. */
export interface Sources {
  readonly kernelReseeded: () => boolean;
  readonly hostClock: () => HostClock | undefined;
  readonly restoredAt: () => number | undefined;
}

/** The sources of the real machine. */
export function sourcesOf(
  { observer, hostClocks }: Pick<Components, "observer" | "hostClocks">,
): Sources {
  return {
    kernelReseeded: () => observer.forkSeenAt !== undefined,
    hostClock: () => hostClocks.last,
    restoredAt: () => observer.forkSeenAt,
  };
}
