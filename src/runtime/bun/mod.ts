/**
 * The adapter for Bun, also inside the compiled binary.
 * @module
 */
import type { Runtime } from "../types.ts";
import { collect } from "./collect.ts";
import { openLibrary } from "./library.ts";
import { serve } from "./serve.ts";
import { openWatch, watchDescriptor } from "./watch.ts";
import { threadId } from "./thread_id.ts";
import { startWorker } from "./worker.ts";

/** Lull on Bun. */
export const bunRuntime: Runtime = {
  name: "bun",
  forgetsTimers: true,
  wakesForConnections: true,
  version: Bun.version,
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
