/**
 * Zeros for stale bytes: what was freed keeps its bytes, and a snapshot carries
 * them. The kernel zeroes a page before a process gets it, so taking free
 * memory and giving it back leaves zeros, which snapshots do not carry.
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import { CpuRotation } from "./cpu_rotation.ts";
import { lastError, type Libc, requireSymbol } from "../linux/libc.ts";
import {
  bytesEverFreed,
  bytesKeptFree,
  memoryInfo,
  PAGE_BYTES,
} from "./info.ts";

// linux/mman.h
const PROT_READ_WRITE = 0x3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const MADV_FREE = 8;
const MADV_NOHUGEPAGE = 15;
/** Since Linux 5.14. */
const MADV_POPULATE_WRITE = 23;

/** Bytes between two turns of the event loop: about 2 ms on real hardware. */
const SLICE = 4 * 1024 * 1024;

/** Slices between two looks whether memory is still free, as long as much is. */
const LOOK = 8;

/**
 * Bytes of free memory from which on each slice is looked at. A CPU whose list
 * of pages is empty takes up to 8 MiB from the free ones for its list at once,
 * on top of what it is asked for.
 */
const NEAR = LOOK * SLICE + 16 * 1024 * 1024;

/** Bytes of free memory that are worth another slice. */
const LEAST_ROOM = 256 * 1024;

/** What was done, in bytes. */
export interface Zeroed {
  readonly bytes: number;
  /** What could hold stale bytes at most, had there been no limit. */
  readonly wanted: number;
  /** False if the signal stopped it half way. */
  readonly whole: boolean;
}

/** Zeroes free memory; remembers how much can have become stale since. */
export class MemoryZeroer {
  readonly #libc: Libc;
  #freedBefore = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** Why it cannot work here, or undefined. */
  get missing(): string | undefined {
    const { mmap, munmap, madvise } = this.#libc;
    if (mmap && munmap && madvise) return undefined;
    return "the C library could not be loaded";
  }

  /**
   * Zeroes at most so many bytes; never more than were freed since the last
   * time, because a page that nobody has had is no page that the host has paid
   * for. The memory stays reclaimable all the while: a process that needs it
   * gets it, and nobody is killed for it. The signal stops it, and so do the
   * milliseconds.
   */
  async zero(
    limitBytes: number,
    limitMs: number,
    signal?: AbortSignal,
  ): Promise<Zeroed> {
    const end = performance.now() + limitMs;
    const least = reserve();
    const stale = bytesEverFreed() - this.#freedBefore;
    const most = Math.min(stale, limitBytes);
    // Each CPU has a list of pages that were freed there, up to megabytes, and
    // gives of it to nobody else. They do not count as free memory.
    const tour = new CpuRotation(this.#libc);
    const taken: Slice[] = [];
    let bytes = 0;
    let room = roomAbove(least);
    try {
      while (bytes < most && room >= LEAST_ROOM) {
        if (signal?.aborted || performance.now() > end) break;
        const size = wholePages(Math.min(SLICE, most - bytes, gently(room)));
        tour.next();
        taken.push({ address: this.#take(size), size });
        bytes += size;
        room -= size;
        const look = room < NEAR || taken.length % LOOK === 0;
        if (look) room = roomAbove(least);
        await turn();
      }
    } finally {
      try {
        tour.end();
      } finally {
        for (const { address, size } of taken) this.#giveBack(address, size);
      }
    }
    const whole = !signal?.aborted;
    // What the limit has left over is still stale, and wanted the next time.
    const rest = Math.max(0, Math.min(stale - bytes, room));
    if (whole) this.#freedBefore = bytesEverFreed() - rest;
    return { bytes, wanted: bytes + rest, whole };
  }

  #take(size: number): bigint {
    const address = requireSymbol(this.#libc.mmap, "mmap")(
      0n,
      BigInt(size),
      PROT_READ_WRITE,
      MAP_PRIVATE_ANONYMOUS_NORESERVE,
      -1,
      0n,
    );
    if (address === MAP_FAILED) {
      throw lastError(this.#libc, "map", `${size} bytes`);
    }
    try {
      // Small pages are served from what was freed last and lies in pieces; a
      // huge one would be a block that perhaps nobody has touched yet.
      this.#advise(address, size, MADV_NOHUGEPAGE, true);
      this.#advise(address, size, MADV_POPULATE_WRITE);
      // From here on the kernel may take it back, with no need to ask.
      this.#advise(address, size, MADV_FREE);
    } catch (error) {
      this.#giveBack(address, size);
      throw error;
    }
    return address;
  }

  #advise(
    address: bigint,
    size: number,
    advice: number,
    optional = false,
  ): void {
    const call = requireSymbol(this.#libc.madvise, "madvise");
    if (call(address, BigInt(size), advice) === 0 || optional) return;
    throw lastError(this.#libc, `advise ${advice} on`, `${size} bytes`);
  }

  #giveBack(address: bigint, size: number): void {
    if (
      requireSymbol(this.#libc.munmap, "munmap")(address, BigInt(size)) === 0
    ) return;
    throw lastError(this.#libc, "unmap", `${size} bytes`);
  }
}

/** A part of what was taken. */
interface Slice {
  readonly address: bigint;
  readonly size: number;
}

/** Free bytes above what is to stay free. */
function roomAbove(least: number): number {
  return memoryInfo().free - least;
}

/** Half of the room at most: the end comes in ever smaller slices. */
function gently(room: number): number {
  return Math.max(room / 2, LEAST_ROOM);
}

/** So many bytes in whole pages, upwards. */
function wholePages(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
}

/**
 * So that the kernel need not reclaim for our sake, which throws out pages of
 * programs. It begins below its low mark, raised by up to one and a half times
 * the high mark where pages of one kind have taken blocks of another, which
 * zeroing makes them do (vm.watermark_boost_factor).
 */
function reserve(): number {
  return 2 * bytesKeptFree() + SLICE;
}
