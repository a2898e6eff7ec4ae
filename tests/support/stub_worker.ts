/**
 * A worker of Bun that binds functions of the C library and frees them, many times; posts whether their
 * memory is free, and what a function returns that was freed.
 */
import { freeStubs, openLibrary } from "../../src/runtime/bun/library.ts";
import { openLibc } from "../../src/runtime/library.ts";
import { collect } from "../../src/runtime/bun/collect.ts";
import { workerScope } from "../../src/runtime/worker_scope.ts";
import process from "node:process";
import { memoryOf } from "./proc.ts";
import { until } from "./until.ts";

const TIMES = 30_000;
/** Bytes; not freed, so many stubs take twice as many. */
const MOST_LEFT = 10 * 2 ** 20;
const LIMIT_MS = 10_000;
const GETPID = { args: [], result: "i32" } as const;

const scope = workerScope<unknown, { freed: boolean; pid: unknown }>();
scope.onmessage = async () => {
  const libc = openLibc(openLibrary)!;
  const bind = (times: number) => {
    for (let i = 0; i < times; i++) {
      libc.symbol("getpid", GETPID)!();
      freeStubs();
    }
  };
  const memory = async () => {
    await collect();
    return memoryOf(process.pid, "Private_Dirty");
  };
  bind(TIMES / 10);
  const before = await memory();
  bind(TIMES);
  // The allocator returns memory some time after it was freed.
  const freed = await until(
    "the memory of the stubs to be free",
    async () => await memory() - before <= MOST_LEFT,
    LIMIT_MS,
  ).catch(() => false);
  const getpid = libc.symbol("getpid", GETPID)!;
  freeStubs();
  scope.postMessage({ freed, pid: getpid() });
};
