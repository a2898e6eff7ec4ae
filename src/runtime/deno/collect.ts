/**
 * V8's garbage collection.
 * @module
 */
import type { CFunction } from "../types.ts";
import { openLibrary } from "./library.ts";

/** V8's collector, as the flag `--expose-gc` gives it. */
type Collector = (options: {
  type: "major";
  execution: "sync";
  flavor: "last-resort";
}) => void;

let collector: Collector | undefined;
let trim: CFunction | undefined;

/** Collects all garbage, and returns freed memory of malloc to the kernel. */
// deno-lint-ignore require-await -- V8 collects synchronously
export async function collect(signal?: AbortSignal): Promise<boolean> {
  if (signal?.aborted) return false;
  collector ??= exposeCollector();
  collector({ type: "major", execution: "sync", flavor: "last-resort" });
  trim ??= findTrim();
  trim(0n);
  return true;
}

/**
 * The collector. Without the flag on the command line, a new context of node:vm has it; Node's
 * modules take 25 ms of CPU time and 5 MiB.
 */
function exposeCollector(): Collector {
  const { gc } = globalThis as { gc?: Collector };
  if (gc !== undefined) return gc;
  const { getBuiltinModule } = globalThis.process;
  getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
  return getBuiltinModule("node:vm").runInNewContext("gc");
}

/**
 * malloc_trim(3). Array buffers belong to malloc: the collection frees them, but malloc
 * keeps their memory.
 */
function findTrim(): CFunction {
  const libc = openLibrary("libc.so.6"); // there is no Deno for musl
  const signature = { args: ["usize"], result: "i32" } as const;
  return libc?.symbol("malloc_trim", signature) ?? (() => 0);
}
