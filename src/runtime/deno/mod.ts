/**
 * The adapter for Deno.
 * @module
 */
import type { Runtime } from "../types.ts";
import { collect } from "./collect.ts";
import { connectVsock } from "./connect_vsock.ts";
import { openLibrary } from "./library.ts";
import { serve } from "./serve.ts";
import { openWatch, watchDescriptor } from "./watch.ts";
import { threadId } from "./thread_id.ts";
import { startWorker } from "./worker.ts";

/** Lull on Deno. */
export const denoRuntime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  serve,
  connectVsock,
  collect,
  startWorker,
  openWatch,
  watchDescriptor,
  openLibrary,
  threadId,
};
