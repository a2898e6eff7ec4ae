/**
 * The adapter for Bun, also inside the compiled binary.
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

/** Lull on Bun. */
export const bunRuntime: Runtime = {
  name: "bun",
  version: Bun.version,
  serve,
  connectVsock,
  collect,
  startWorker,
  openWatch,
  watchDescriptor,
  openLibrary,
  threadId,
};
