/**
 * Bun's workers.
 * @module
 */
import { requireWorkerDescriptors } from "../spare_descriptors.ts";
import type { RuntimeWorker, WorkerEvents } from "../types.ts";
import { AdoptedWorker } from "../worker.ts";

/** Starts a worker with a small heap. */
export function startWorker(url: URL, events: WorkerEvents): RuntimeWorker {
  requireWorkerDescriptors(url);
  const worker = new Worker(url, { type: "module", smol: true });
  return new AdoptedWorker(worker, url, events);
}
