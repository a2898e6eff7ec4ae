/**
 * Deno's workers.
 * @module
 */
import { requireWorkerDescriptors } from "../spare_descriptors.ts";
import type { RuntimeWorker, WorkerEvents } from "../types.ts";
import { AdoptedWorker } from "../worker.ts";
import { openLibrary } from "./library.ts";

// socket(7); struct linger: on, for 0 s
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const NO_LINGER = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/** Starts a worker; resets the connections that are left when it has ended. */
export function startWorker(url: URL, events: WorkerEvents): RuntimeWorker {
  requireWorkerDescriptors(url);
  const worker = new Worker(url, { type: "module" });
  return new AdoptedWorker(worker, url, events, { close: reset });
}

/** Closes a descriptor. If it is a connection, its peer gets a reset. */
function reset(fd: number): void {
  const libc = openLibrary("libc.so.6"); // there is no Deno for musl
  const setsockopt = libc?.symbol("setsockopt", {
    args: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  });
  const close = libc?.symbol("close", { args: ["i32"], result: "i32" });
  setsockopt?.(fd, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length);
  close?.(fd);
}
