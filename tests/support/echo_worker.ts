/**
 * A worker for tests: says which thread it is, then echoes; `fail` throws,
 * `spin` blocks its thread for ever.
 */
/// <reference lib="deno.worker" />
import { readlinkSync } from "node:fs";

self.addEventListener("message", ({ data }: MessageEvent) => {
  if (data === "fail") throw new Error("this worker fails");
  if (data === "spin") { for (;;); }
  self.postMessage({ echo: data });
});
const tid = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
self.postMessage({ tid });
