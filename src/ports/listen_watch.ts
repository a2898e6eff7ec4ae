/**
 * The kernel's reports of sockets that listen, if this kernel has them.
 * @module
 */
import { errorText } from "../util/errors.ts";
import type { Libc } from "../linux/libc.ts";
import type { Runtime } from "../runtime/types.ts";
import { ListenEvents } from "./listen_events.ts";
import type { PortLog } from "./log.ts";

/** What the port subsystem needs of the reports. */
export type ListenReports = Pick<
  ListenEvents,
  "start" | "pause" | typeof Symbol.dispose
>;

/** Opens the reports; throws if the kernel has none. */
export type OpenListenReports = (callbacks: {
  readonly onEvent: () => void;
  readonly onError: (error: unknown) => void;
}) => ListenReports;

/** How to watch. */
export interface ListenWatchOptions {
  readonly libc: Libc;
  readonly runtime: Pick<Runtime, "watchDescriptor">;
  readonly log: PortLog;
  readonly onEvent: () => void;
  /** Replaces the kernel's reports. */
  readonly open?: OpenListenReports;
}

/** Opens the reports at the first start. They stay open while the guest is quiesced. */
export class ListenWatch {
  readonly #options: ListenWatchOptions;
  #reports: ListenReports | undefined;
  #failed = false;

  constructor(options: ListenWatchOptions) {
    this.#options = options;
  }

  /** Whether the kernel reports changes. */
  get isActive(): boolean {
    return this.#reports !== undefined;
  }

  /** Starts the reports. False if the kernel knows that nothing has changed since `pause`. */
  start(): boolean {
    const isFirst = this.#reports === undefined;
    if (isFirst && !this.#failed) this.#open();
    return this.#reports?.start() !== false || isFirst;
  }

  /** Pauses the reports; this process is not woken. */
  pause(): void {
    this.#reports?.pause();
  }

  /** Ends the reports for good. */
  dispose(): void {
    this.#reports?.[Symbol.dispose]();
    this.#reports = undefined;
    this.#failed = true;
  }

  #open(): void {
    const { libc, runtime, onEvent } = this.#options;
    const open = this.#options.open ??
      ((callbacks) => new ListenEvents({ libc, runtime, ...callbacks }));
    try {
      this.#reports = open({
        onEvent,
        onError: (error) => this.#onFailed(error),
      });
    } catch (error) {
      this.#onFailed(error);
    }
  }

  #onFailed(error: unknown): void {
    this.#reports = undefined;
    this.#failed = true;
    const text = errorText(error);
    this.#options.log.info(`looking for ports at an interval: ${text}`);
  }
}
