/**
 * What the agent's steps and repairs are made from.
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

/** What steps act on. */
export interface Components {
  readonly runtime: Runtime;
  readonly config: Config;
  readonly libc: Libc;
  readonly idle: IdleCollector;
  readonly tracker: ConnectionTracker;
  /** What runs on timers while the guest runs, and rests while it is quiesced. */
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
  /** Called when there is evidence of a restore and nobody has called. */
  readonly recover: () => void;
  /** Hears of what went wrong after its step had ended. */
  readonly onError: (error: unknown) => void;
}

/** What repairs ask about the guest and its machine. */
export interface Sources {
  readonly kernelReseeded: () => boolean;
  readonly hostClock: () => HostClock | undefined;
  readonly restoredAt: () => number | undefined;
}

/** The real ones. */
export function sourcesOf(
  { observer, hostClocks }: Pick<Components, "observer" | "hostClocks">,
): Sources {
  return {
    kernelReseeded: () => observer.forkSeenAt !== undefined,
    hostClock: () => hostClocks.last,
    restoredAt: () => observer.forkSeenAt,
  };
}
