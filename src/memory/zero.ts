/**
 * Zeroes free memory. Freed pages keep stale bytes, which a snapshot has to store. The kernel
 * zeroes a page before a process gets it, so taking free memory and giving it back leaves zeros,
 * which a snapshot need not store.
 * @module
 */
import { CpuRotation } from "./cpu_rotation.ts";
import { checked, lastError, type Libc, requireSymbol } from "../linux/libc.ts";
import { pageBytes } from "../linux/page_size.ts";
import { bytesEverFreed, bytesKeptFree, memoryInfo } from "./info.ts";

// linux/mman.h
const PROT_READ_WRITE = 0x3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x4022;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;
const MADV_FREE = 8;
const MADV_NOHUGEPAGE = 15;
/** madvise(2), since Linux 5.14. */
const MADV_POPULATE_WRITE = 23;

/** The bytes taken in one turn of the event loop: about 2 ms of work on real hardware. */
const SLICE = 4 * 1024 * 1024;

/** The number of slices between two reads of the free memory, while much memory is free. */
const LOOK = 8;

/**
 * If fewer bytes than this are free, the free memory is read after each slice. A CPU with an empty
 * list of pages takes up to 8 MiB of free pages for its list at once, in addition to the slice.
 */
const NEAR = LOOK * SLICE + 16 * 1024 * 1024;

/** The least bytes of free memory for another slice. */
const LEAST_ROOM = 256 * 1024;

/** The result, in bytes. */
export interface Zeroed {
  /** The bytes that were zeroed. */
  readonly bytes: number;
  /** The bytes that would have been zeroed without the limits. */
  readonly wanted: number;
  /** False if the signal stopped the zeroing before its end. */
  readonly whole: boolean;
}

/** Zeroes free memory, and remembers how much memory was freed after that. */
export class MemoryZeroer {
  readonly #libc: Libc;
  #freedBefore = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  /** The reason why memory cannot be zeroed here; undefined if it can. */
  get missing(): string | undefined {
    const { mmap, munmap, madvise } = this.#libc;
    if (mmap && munmap && madvise) return undefined;
    return "the C library could not be loaded";
  }

  /**
   * Zeroes at most `limitBytes`, and not more than was freed since the last call: a page that was
   * never used takes no memory of the host. The kernel can reclaim the taken memory at any time,
   * so the zeroing never causes an out-of-memory kill. Stops at `limitMs` and when the signal
   * aborts.
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
    // Each CPU has a list of pages that were freed there, up to megabytes. They do not count as
    // free memory, and only a thread on that CPU gets them.
    const rotation = new CpuRotation(this.#libc);
    const taken: Slice[] = [];
    let bytes = 0;
    let room = roomAbove(least);
    try {
      while (bytes < most && room >= LEAST_ROOM) {
        if (signal?.aborted || performance.now() > end) break;
        const size = wholePages(Math.min(SLICE, most - bytes, gently(room)));
        rotation.next();
        taken.push(this.#take(size));
        bytes += size;
        room -= size;
        const look = room < NEAR || taken.length % LOOK === 0;
        if (look) room = roomAbove(least);
        await new Promise((resolve) => setImmediate(resolve));
      }
    } finally {
      try {
        rotation.end();
      } finally {
        for (const slice of taken) this.#giveBack(slice);
      }
    }
    const whole = !signal?.aborted;
    // The memory that a limit left over is still stale: the next call zeroes it.
    const rest = Math.max(0, Math.min(stale - bytes, room));
    if (whole) this.#freedBefore = bytesEverFreed() - rest;
    return { bytes, wanted: bytes + rest, whole };
  }

  #take(size: number): Slice {
    const address = requireSymbol(this.#libc, "mmap")(
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
    const slice = { address, size };
    try {
      // Small pages come from memory that was freed last. A huge page may be a block that was never
      // used. A kernel without huge pages refuses this.
      this.#libc.madvise?.(address, BigInt(size), MADV_NOHUGEPAGE);
      this.#advise(slice, MADV_POPULATE_WRITE);
      // From here on the kernel may reclaim the memory.
      this.#advise(slice, MADV_FREE);
    } catch (error) {
      this.#giveBack(slice);
      throw error;
    }
    return slice;
  }

  #advise({ address, size }: Slice, advice: number): void {
    const madvise = requireSymbol(this.#libc, "madvise");
    const result = madvise(address, BigInt(size), advice);
    checked(this.#libc, result, `advise ${advice} on`, `${size} bytes`);
  }

  #giveBack({ address, size }: Slice): void {
    const munmap = requireSymbol(this.#libc, "munmap");
    checked(
      this.#libc,
      munmap(address, BigInt(size)),
      "unmap",
      `${size} bytes`,
    );
  }
}

/** A part of the memory that was taken. */
interface Slice {
  readonly address: bigint;
  readonly size: number;
}

/** Returns the free bytes above the bytes that must stay free. */
function roomAbove(least: number): number {
  return memoryInfo().free - least;
}

/** Returns at most half of the room: the slices become smaller towards the end. */
function gently(room: number): number {
  return Math.max(room / 2, LEAST_ROOM);
}

/** Rounds bytes up to whole pages. */
function wholePages(bytes: number): number {
  const page = pageBytes();
  return Math.ceil(bytes / page) * page;
}

/**
 * Returns the bytes that must stay free, so that the zeroing does not make the kernel reclaim
 * memory, which drops pages of programs. The kernel reclaims below its low watermark. Zeroing can
 * raise that watermark by up to one and a half times the high watermark
 * (vm.watermark_boost_factor), because pages of one mobility type then take blocks of another.
 */
function reserve(): number {
  return 2 * bytesKeptFree() + SLICE;
}
