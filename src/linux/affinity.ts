/**
 * The agent on one CPU: sched_setaffinity(2) over every thread of this process.
 * Threads that are born meanwhile inherit the mask of the one that bore them.
 * @module
 */
import { existsSync, openSync, readdirSync } from "node:fs";
import process from "node:process";
import { failed, type Libc, need } from "./libc.ts";

/** Room for 8192 CPUs, the most that Linux can be built for. */
const MASK_BYTES = 1024;
const SIZE = BigInt(MASK_BYTES);

/** A thread whose mask could not be given back, and why. */
export interface FailedThread {
  readonly thread: number;
  readonly error: string;
}

/** What `restore` did: how many threads have their mask back. */
export interface Unpinned {
  readonly threads: number;
  readonly failed: readonly FailedThread[];
}

/** A process on one CPU. */
export interface Pinned {
  readonly cpu: number;
  /** How many threads were pinned. */
  readonly threads: number;
  /**
   * Gives every thread its former mask, exactly; threads born meanwhile get the
   * main thread's. A thread that has ended is no error.
   */
  restore(): Unpinned;
}

/**
 * Pins every thread of this process to the last CPU that its main thread may
 * use: interrupts and the kernel's own work are on the first ones mostly, and
 * after a restore the first reply waits for whoever shares its CPU. Fails where
 * one cannot be pinned, with the others as they were.
 */
export function pinThreads(libc: Libc): Pinned {
  const main = readMask(libc, process.pid);
  if (main === undefined) {
    throw new Error("Cannot pin threads: the main thread has ended");
  }
  const cpu = lastCpu(main);
  const target = maskOf(cpu);
  const former = new Map<number, Uint8Array>();
  const count = threadCounter(libc);
  try {
    forEachThread((thread) => {
      const mask = readMask(libc, thread);
      if (mask === undefined) return;
      former.set(thread, mask);
      writeMask(libc, thread, target);
    });
  } catch (error) {
    restore(libc, { former, main, count });
    throw error;
  }
  return {
    cpu,
    threads: former.size,
    restore: () => restore(libc, { former, main, count }),
  };
}

/**
 * Takes the main thread from CPU to CPU, of those that it may use: what the
 * kernel keeps for each of them is within the reach of that one alone.
 */
export class CpuTour {
  readonly #libc: Libc;
  readonly #home: Uint8Array | undefined;
  readonly #stops: readonly Uint8Array[];
  #at = 0;

  /** Stays where there is one CPU only, and without a C library. */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.#home = libc.sched_setaffinity && readMask(libc, process.pid);
    const cpus = this.#home === undefined ? [] : cpusOf(this.#home);
    this.#stops = cpus.length > 1 ? cpus.map(maskOf) : [];
  }

  /** On to the next CPU; after the last comes the first. */
  next(): void {
    if (this.#stops.length === 0) return;
    this.#moveTo(this.#stops[this.#at++ % this.#stops.length]);
  }

  /** All the former CPUs again. */
  end(): void {
    if (this.#stops.length > 0) this.#moveTo(this.#home!);
  }

  #moveTo(mask: Uint8Array): void {
    writeMask(this.#libc, process.pid, mask);
  }
}

interface Former {
  readonly former: ReadonlyMap<number, Uint8Array>;
  /** The main thread's. */
  readonly main: Uint8Array;
  readonly count: () => number | undefined;
}

function restore(libc: Libc, { former, main, count }: Former): Unpinned {
  const failures: FailedThread[] = [];
  let threads = 0;
  const give = (thread: number, mask: Uint8Array) => {
    try {
      if (writeMask(libc, thread, mask)) threads++;
    } catch (error) {
      failures.push({ thread, error: (error as Error).message });
    }
  };
  former.forEach((mask, thread) => give(thread, mask));
  // Mostly that is all of them, and the directory need not be read: who waits for
  // the first reply after a restore waits for that, too. Who is born from here on
  // has its mask from one that has its own again.
  if (count() !== threads) {
    forEachThread((thread) => {
      if (!former.has(thread)) give(thread, main);
    });
  }
  return { threads, failed: failures };
}

// statx(2), linux/stat.h
const AT_EMPTY_PATH = 0x1000;
const STATX_NLINK = 4;
const STATX_BYTES = 256;
const STX_NLINK = 16;
const TASKS = "/proc/self/task";
const NO_PATH = Uint8Array.of(0);
/** The directory, open for the agent's life: its path is a long way to go. */
let tasks: number | undefined;

/**
 * Tells how many threads this process has: the links of their directory, less the
 * two that any directory has (proc_task_getattr() in fs/proc/base.c). Undefined
 * where the kernel does not tell.
 */
function threadCounter({ statx }: Libc): () => number | undefined {
  const found = new Uint8Array(STATX_BYTES);
  const directory = tasks ??= openSync(TASKS, "r");
  return () => {
    if (statx?.(directory, NO_PATH, AT_EMPTY_PATH, STATX_NLINK, found) !== 0) {
      return undefined;
    }
    // Without a view, which takes longer to make than all else here; 22 bits are
    // the most that Linux has for threads (PID_MAX_LIMIT).
    const links = found[STX_NLINK] | found[STX_NLINK + 1] << 8 |
      found[STX_NLINK + 2] << 16;
    return links - 2;
  };
}

/** Visits each thread once, those too that appear on the way. */
function forEachThread(visit: (thread: number) => void): void {
  const seen = new Set<number>();
  for (let before = -1; seen.size > before;) {
    before = seen.size;
    for (const name of readdirSync(TASKS)) {
      const thread = Number(name);
      if (seen.has(thread)) continue;
      seen.add(thread);
      visit(thread);
    }
  }
}

/** The CPUs that a thread may use; undefined if it has ended. */
export function readMask(libc: Libc, thread: number): Uint8Array | undefined {
  const mask = new Uint8Array(MASK_BYTES);
  if (
    need(libc.sched_getaffinity, "sched_getaffinity")(thread, SIZE, mask) !== -1
  ) return mask;
  const error = failed(libc, "read the CPUs of", `thread ${thread}`);
  if (!isAlive(thread)) return undefined;
  throw error;
}

/** False if the thread has ended. */
function writeMask(libc: Libc, thread: number, mask: Uint8Array): boolean {
  if (
    need(libc.sched_setaffinity, "sched_setaffinity")(thread, SIZE, mask) !== -1
  ) return true;
  const error = failed(libc, "set the CPUs of", `thread ${thread}`);
  if (!isAlive(thread)) return false;
  throw error;
}

function isAlive(thread: number): boolean {
  return existsSync(`${TASKS}/${thread}`);
}

/** CPU n is bit n % 8 of byte n / 8, on little-endian machines (CPU_SET(3)). */
function lastCpu(mask: Uint8Array): number {
  const byte = mask.findLastIndex((bits) => bits !== 0);
  if (byte === -1) throw new Error("Cannot pin threads: the mask is empty");
  return byte * 8 + 31 - Math.clz32(mask[byte]);
}

/** Without a trace in memory: what a settle leaves behind is in the snapshot. */
function cpusOf(mask: Uint8Array): number[] {
  const cpus: number[] = [];
  for (let cpu = lastCpu(mask); cpu >= 0; cpu--) {
    if (mask[cpu >> 3] & 1 << (cpu & 7)) cpus.push(cpu);
  }
  return cpus;
}

function maskOf(cpu: number): Uint8Array {
  const mask = new Uint8Array(MASK_BYTES);
  mask[cpu >> 3] = 1 << (cpu & 7);
  return mask;
}
