/**
 * The owner's end of one worker: its start, its messages, and its stop.
 * @module
 */
import { endEarly, type Limits } from "../util/within.ts";
import type { RuntimeWorker } from "../runtime/types.ts";
import type { ForwarderOptions } from "./forwarder_options.ts";
import type { WorkerCommand, WorkerEvent } from "./messages.ts";
import { closeLeft } from "./relay/left_descriptors.ts";

/** The last event of a worker. */
export type Stopped = Extract<WorkerEvent, { kind: "stopped" }>;

/** The callbacks of its owner. */
interface WorkerThreadOptions
  extends Pick<ForwarderOptions, "libc" | "runtime" | "workerUrl"> {
  /** Gets all events but the last one. */
  readonly onEvent: (event: Exclude<WorkerEvent, Stopped>) => void;
  /** The worker has died of an error. */
  readonly onDeath: (error: Error) => void;
}

/** A worker that runs until `terminate`. */
export class WorkerThread {
  readonly #worker: RuntimeWorker;
  #onStopped: ((event: Stopped | undefined) => void) | undefined;
  #forgotten = false;

  /** Throws if no thread can be started. */
  constructor(options: WorkerThreadOptions) {
    const { libc, runtime, workerUrl } = options;
    this.#worker = runtime.startWorker(workerUrl, {
      onMessage: (message) => {
        if (this.#forgotten) return;
        const event = message as WorkerEvent;
        if (event.kind === "stopped") this.#onStopped?.(event);
        else options.onEvent(event);
      },
      onError: (error) => {
        if (this.#forgotten) return;
        options.onDeath(error);
        this.#onStopped?.(undefined);
      },
      onEnded: (held) => closeLeft(libc, held),
    });
  }

  /** Sends a command. */
  post(command: WorkerCommand): void {
    this.#worker.post(command);
  }

  /** Ignores everything that the worker still tells. */
  forget(): void {
    this.#forgotten = true;
  }

  /** Lets the worker close everything. Resolves with its answer; undefined if it dies, or at the limit. */
  stop(limits: Limits): Promise<Stopped | undefined> {
    const stopped = new Promise<Stopped | undefined>((resolve) => {
      const cancel = endEarly(limits, () => done(undefined));
      const done = (event: Stopped | undefined) => {
        cancel();
        this.#onStopped = undefined;
        resolve(event);
      };
      this.#onStopped = done;
    });
    this.post({ kind: "stop" });
    return stopped;
  }

  /** Ends the thread; rejects if it does not end. */
  terminate(): Promise<void> {
    return this.#worker.terminate();
  }
}
