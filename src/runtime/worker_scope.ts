/**
 * The part of a worker that runs in its own thread: its messages to its owner and from it.
 * @module
 */
import type { WorkerHello } from "./types.ts";

/** The global scope of a worker; the types that are loaded here are those of a page. */
export interface WorkerScope<Command, Event> {
  postMessage(message: Event | WorkerHello): void;
  onmessage: ((event: MessageEvent<Command>) => void) | null;
}

/** Returns the global scope of the worker that calls this. */
export function workerScope<Command, Event>(): WorkerScope<Command, Event> {
  return globalThis as unknown as WorkerScope<Command, Event>;
}
