/**
 * The adapter for Deno.
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { libcFiles } from "../../linux/files.ts";
import { loadLibc } from "../../linux/libc.ts";
import { openLibrary } from "./library.ts";
import { prefaultHeap } from "../../memory/prefault_heap.ts";
import { serve } from "./serve.ts";
import { openOnPool, tryPool } from "../input.ts";
import type { CFunction } from "../library.ts";
import { requireWorkerDescriptors } from "../spare_descriptors.ts";
import type { Runtime, RuntimeWorker, WorkerEvents } from "../types.ts";
import { adoptWorker } from "../worker.ts";

// socket(7); struct linger: on, for 0 s
const SOL_SOCKET = 1;
const SO_LINGER = 13;
const NO_LINGER = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0);

/**
 * V8 watches the first seven objects of each class to learn how large they become,
 * and with the eighth it changes the class; most have one object in each recovery.
 */
const REHEARSALS = 8;

/** Lull on Deno. */
export const denoRuntime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  prepareProcess: () => undefined,
  serve,
  collect,
  rehearsals: REHEARSALS,
  prefaultHeap,
  filesOf: libcFiles,
  startWorker,
  openInput: (path) => openOnPool(path),
  tryInput: tryPool,
  openLibrary,
};

/** V8's collector, as `--expose-gc` gives it to new contexts. */
type Collector = (options: {
  type: "major";
  execution: "sync";
  flavor: "last-resort";
}) => void;

let collector: Collector | undefined;
let trim: CFunction | undefined;

// deno-lint-ignore require-await -- V8 collects in one go
async function collect(signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  collector ??= exposeCollector();
  collector({ type: "major", execution: "sync", flavor: "last-resort" });
  trim ??= findTrim();
  trim(0n);
  return true;
}

function exposeCollector(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}

/**
 * Array buffers are malloc's: freed by now, but not given back (malloc_trim(3)).
 * musl has no such call, and no such need.
 */
function findTrim(): CFunction {
  const signature = { args: ["usize"], result: "i32" } as const;
  return openLibrary("libc.so.6")?.symbol("malloc_trim", signature) ??
    (() => 0);
}

function startWorker(url: URL, events: WorkerEvents): RuntimeWorker {
  requireWorkerDescriptors(url);
  const worker = new Worker(url, { type: "module" });
  return adoptWorker(worker, url, events, { close: reset });
}

/** Closes a descriptor that a worker left; a connection is reset by it. */
function reset(fd: number): void {
  const { setsockopt, close } = loadLibc(denoRuntime);
  setsockopt?.(fd, SOL_SOCKET, SO_LINGER, NO_LINGER, NO_LINGER.length);
  close?.(fd);
}
