/**
 * Workers that are known to be gone: the web's `terminate()` only asks, so the
 * thread's id in /proc/self/task decides.
 * @module
 */
import { existsSync } from "node:fs";
import type { RuntimeWorker, WorkerEvents, WorkerHello } from "./types.ts";

/** How long a thread may take to end, in milliseconds: on a slow machine, long. */
const END_LIMIT_MS = 10_000;
const POLL_MS = 2;

/** What an adapter, or a test, knows better. */
export interface AdoptOptions {
  readonly endLimitMs?: number;
  /** Closes descriptors that the worker opened by itself. */
  readonly close?: (fd: number) => void;
}

/** Takes over a web worker that has just been created, whose module is `url`. */
export function adoptWorker(
  worker: Worker,
  url: URL,
  events: WorkerEvents,
  options: AdoptOptions = {},
): RuntimeWorker {
  return new AdoptedWorker(worker, url, events, options);
}

class AdoptedWorker implements RuntimeWorker {
  readonly #worker: Worker;
  readonly #url: URL;
  readonly #events: WorkerEvents;
  readonly #endLimitMs: number;
  readonly #close: AdoptOptions["close"];
  #descriptors: Uint8Array = new Uint8Array();
  #tid: number | undefined;
  #died = false;
  #terminated: Promise<void> | undefined;

  constructor(
    worker: Worker,
    url: URL,
    events: WorkerEvents,
    { endLimitMs = END_LIMIT_MS, close }: AdoptOptions,
  ) {
    this.#worker = worker;
    this.#url = url;
    this.#events = events;
    this.#endLimitMs = endLimitMs;
    this.#close = close;
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
      const { tid, descriptors = this.#descriptors } = event.data;
      this.#tid = tid;
      this.#descriptors = descriptors;
      return;
    }
    this.#events.onError(
      new Error(
        `Cannot use worker ${this.#url.href}: its first message is not {tid}`,
      ),
    );
  }

  #onError(event: ErrorEvent): void {
    // or the error would end this whole process
    event.preventDefault();
    this.#died = true;
    // a worker that is being ended may fail on its way out: no news to anybody
    if (this.#terminated !== undefined) return;
    this.#events.onError(
      event.error instanceof Error
        ? event.error
        : new Error(withoutSource(event.message)),
    );
  }

  async #terminate(): Promise<void> {
    const limit = performance.now() + this.#endLimitMs;
    // A worker that is still loading has not said which thread it is.
    while (
      this.#tid === undefined && !this.#died && performance.now() < limit
    ) await pause();
    this.#worker.terminate();
    if (this.#tid === undefined) {
      // one that failed to load never had more than its last words
      if (this.#died) return;
      throw new Error(
        `Cannot tell whether worker ${this.#url.href} has ended: it never said its thread id`,
      );
    }
    while (existsSync(`/proc/self/task/${this.#tid}`)) {
      if (performance.now() > limit) {
        throw new Error(
          `Cannot end worker ${this.#url.href}: thread ${this.#tid} still runs after ${this.#endLimitMs} ms`,
        );
      }
      await pause();
    }
    this.#closeDescriptors();
  }

  /**
   * Closes the descriptors that the worker has left open, each once. The kernel closes
   * descriptors at the end of a process, not at the end of a thread.
   */
  #closeDescriptors(): void {
    const open = this.#descriptors;
    for (let fd = open.indexOf(1); fd !== -1; fd = open.indexOf(1, fd)) {
      open[fd] = 0;
      this.#close?.(fd);
    }
  }
}

/** Bun's message has lines of the worker's source before `error: MESSAGE`, and a stack after it. */
function withoutSource(message: string): string {
  return /^error: (.*)$/m.exec(message)?.[1] ?? message;
}

function isHello(message: unknown): message is WorkerHello {
  return typeof message === "object" && message !== null &&
    "tid" in message && Number.isInteger(message.tid);
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS));
}
