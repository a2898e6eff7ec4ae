/**
 * The adapter for Deno.
 * @module
 */
import type { Runtime } from "../types.ts";
import { collect } from "./collect.ts";
import { openLibrary } from "./library.ts";
import { serve } from "./serve.ts";
import { openWatch, watchDescriptor } from "./watch.ts";
import { threadId } from "./thread_id.ts";
import { startWorker } from "./worker.ts";

/** Lull on Deno. */
export const denoRuntime: Runtime = {
  name: "deno",
  forgetsTimers: false,
  wakesForConnections: false,
  version: Deno.version.deno,
  serve,
  // Loaded only if it is used: few commands connect over vsock.
  connectVsock: async (cid, port) =>
    await (await import("./connect_vsock.ts")).connectVsock(cid, port),
  collect,
  startWorker,
  openWatch,
  watchDescriptor,
  openLibrary,
  threadId,
};
