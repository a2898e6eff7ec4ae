/**
 * Deno's workers.
 * @module
 */
import { requireWorkerDescriptors } from "../spare_descriptors.ts";
import type { RuntimeWorker, WorkerEvents } from "../types.ts";
import { AdoptedWorker } from "../worker.ts";

/** Starts a worker. */
export function startWorker(url: URL, events: WorkerEvents): RuntimeWorker {
  requireWorkerDescriptors(url);
  return new AdoptedWorker(new Worker(url, { type: "module" }), url, events);
}
