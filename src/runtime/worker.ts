/**
 * Workers whose end is certain. The web's `terminate()` only requests the end of the thread, so
 * this module waits until the thread's id is no longer in /proc/self/task.
 * @module
 */
import { existsSync } from "node:fs";
import { waitFor } from "../util/wait.ts";
import type { RuntimeWorker, WorkerEvents, WorkerHello } from "./types.ts";

/** How long a thread may take to end, in milliseconds. Slow machines need seconds. */
const END_LIMIT_MS = 10_000;

/** A web worker that has just been created from the module `url`. */
export class AdoptedWorker implements RuntimeWorker {
  readonly #worker: Worker;
  readonly #url: URL;
  readonly #events: WorkerEvents;
  readonly #endLimitMs: number;
  #held: SharedArrayBuffer | undefined;
  #tid: number | undefined;
  #died = false;
  #terminated: Promise<void> | undefined;

  constructor(
    worker: Worker,
    url: URL,
    events: WorkerEvents,
    endLimitMs = END_LIMIT_MS,
  ) {
    this.#worker = worker;
    this.#url = url;
    this.#events = events;
    this.#endLimitMs = endLimitMs;
    worker.addEventListener("message", (event) => this.#onMessage(event));
    worker.addEventListener("error", (event) => this.#onError(event));
    worker.addEventListener("messageerror", () => {
      events.onError(
        new Error(`Cannot read a message of worker ${url.href}: not cloneable`),
      );
    });
  }

  post(message: unknown): void {
    this.#worker.postMessage(message);
  }

  terminate(): Promise<void> {
    return this.#terminated ??= this.#terminate();
  }

  #onMessage(event: MessageEvent): void {
    if (this.#tid !== undefined) return this.#events.onMessage(event.data);
    if (isHello(event.data)) {
      this.#tid = event.data.tid;
      this.#held = event.data.held;
      return;
    }
    this.#events.onError(
      new Error(
        `Cannot use worker ${this.#url.href}: its first message is not {tid}`,
      ),
    );
  }

  #onError(event: ErrorEvent): void {
    // Without this, the error would end the whole process.
    event.preventDefault();
    this.#died = true;
    // An error of a worker that is being ended is of no interest.
    if (this.#terminated !== undefined) return;
    this.#events.onError(
      event.error instanceof Error
        ? event.error
        : new Error(withoutSource(event.message)),
    );
  }

  async #terminate(): Promise<void> {
    const end = performance.now() + this.#endLimitMs;
    // A worker that is still loading has not said which thread it is.
    const known = () => this.#tid !== undefined || this.#died;
    await waitFor(known, this.#endLimitMs);
    this.#worker.terminate();
    const tid = this.#tid;
    if (tid === undefined) {
      // The worker failed to load, so it has no thread any more.
      if (this.#died) return;
      throw new Error(
        `Cannot tell whether worker ${this.#url.href} has ended: it never said its thread id`,
      );
    }
    const ended = () => !existsSync(`/proc/self/task/${tid}`);
    if (!await waitFor(ended, end - performance.now())) {
      throw new Error(
        `Cannot end worker ${this.#url.href}: thread ${tid} still runs after ${this.#endLimitMs} ms`,
      );
    }
    if (this.#held !== undefined) await this.#events.onEnded?.(this.#held);
  }
}

/**
 * The message alone: Bun puts lines of the worker's source before `error: MESSAGE`, and a stack
 * after it.
 */
function withoutSource(message: string): string {
  return /^error: (.*)$/m.exec(message)?.[1] ?? message;
}

function isHello(message: unknown): message is WorkerHello {
  return typeof message === "object" && message !== null &&
    "tid" in message && Number.isInteger(message.tid);
}
