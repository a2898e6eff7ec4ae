/**
 * The kernel's reports of sockets that listen, if this kernel has them.
 * @module
 */
import { errorText } from "../util/errors.ts";
import { CloseEvents } from "./close_events.ts";
import { ListenEvents } from "./listen_events.ts";
import type {
  ListenReports,
  ListenReportsOptions,
  OpenListenReports,
} from "./listen_reports.ts";
import type { PortLog } from "./log.ts";

/** How to watch. */
export interface ListenWatchOptions
  extends Omit<ListenReportsOptions, "onError"> {
  readonly log: PortLog;
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

  /** What the kernel reports. */
  get reports(): "changes" | "closes" | "nothing" {
    if (this.#reports === undefined) return "nothing";
    return this.#reports.isComplete ? "changes" : "closes";
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
    const { libc, runtime, onEvent, open } = this.#options;
    const onError = (error: unknown) => this.#onFailed(error);
    const options = { libc, runtime, onEvent, onError };
    try {
      this.#reports = open?.(options) ?? new ListenEvents(options);
    } catch (error) {
      this.#onFailed(error);
      try {
        this.#reports = new CloseEvents(options);
      } catch (error) {
        this.#onFailed(error);
      }
    }
  }

  #onFailed(error: unknown): void {
    this.#reports = undefined;
    this.#failed = true;
    const text = errorText(error);
    this.#options.log.info(`looking for ports at an interval: ${text}`);
  }
}
