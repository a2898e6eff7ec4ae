/**
 * The options and the status of the port subsystem.
 * @module
 */
import type { Runtime } from "../runtime/types.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";
import type { Timers } from "../util/timers.ts";
import type { FinderOptions } from "./finder.ts";
import type { ForwardedPort } from "./forwarded_ports.ts";
import type { ForwarderOptions } from "./forwarder_options.ts";
import type { ListenWatchOptions } from "./listen_watch.ts";

/**
 * How to find and forward ports. Nothing is forwarded while no interface has a forward address.
 */
export interface PortSubsystemOptions
  extends
    Omit<ForwarderOptions, "protocol" | "onChange" | "onDeath" | "runtime">,
    Omit<FinderOptions, "libc"> {
  /** From one scan to the next if the kernel does not report changes, in milliseconds. */
  readonly scanIntervalMs: number;
  /** For the next scan; by default those of the runtime. */
  readonly timers?: Timers;
  /** Defers the first scan, so that the caller of a recovery does not wait for it. */
  readonly queue: Pick<DeferredQueue, "defer">;
  /** Whether an interface has the address; replaces the question to the kernel. */
  readonly hasAddress?: (address: string) => boolean;
  readonly runtime: Pick<Runtime, "startWorker" | "watchDescriptor">;
  /** Replaces the kernel's reports of sockets that listen. */
  readonly openReports?: ListenWatchOptions["open"];
}

/** The state of the subsystem. */
export interface PortStatus {
  /** `resting`: started, but no interface has a forward address. */
  readonly state: "running" | "stopped" | "resting";
  readonly ports: readonly ForwardedPort[];
}
