/**
 * The kernel's reports of sockets that listen: what each way of getting them offers and needs.
 * @module
 */
import type { Libc } from "../linux/libc.ts";
import type { Runtime } from "../runtime/types.ts";

/** Reports between `start` and `pause`. */
export interface ListenReports extends Disposable {
  /** Whether new sockets are reported, and not only those that are closed. */
  readonly isComplete: boolean;
  /** Starts the reports. False if the kernel knows that nothing has changed since `pause`. */
  start(): boolean;
  /** Pauses the reports; this process is not woken. */
  pause(): void;
}

/** What the reports are made from. */
export interface ListenReportsOptions {
  readonly libc: Libc;
  readonly runtime: Pick<Runtime, "watchDescriptor">;
  /** Called at each report. */
  readonly onEvent: () => void;
  /** Called when there will be no more reports. */
  readonly onError: (error: unknown) => void;
}

/** Opens the reports; throws if the kernel has none. */
export type OpenListenReports = (
  callbacks: Pick<ListenReportsOptions, "onEvent" | "onError">,
) => ListenReports;
