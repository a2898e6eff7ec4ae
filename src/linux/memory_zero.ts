/**
 * Zeros for stale bytes: what was freed keeps its bytes, and a snapshot carries
 * them. The kernel zeroes a page before a process gets it, so taking free
 * memory and giving it back leaves zeros, which snapshots do not carry.
 * @module
 */
import { setImmediate as turn } from "node:timers/promises";
import { failed, type Libc, need } from "./libc.ts";
import { bytesEverFreed, bytesKeptFree, memoryInfo } from "./memory_info.ts";

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

/** Slices between two looks whether memory is still free. */
const LOOK = 8;

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
    const freed = bytesEverFreed();
    const least = reserve();
    const wanted = Math.min(
      freed - this.#freedBefore,
      Math.max(0, memoryInfo().free - least),
    );
    const slices = Math.ceil(Math.min(wanted, limitBytes) / SLICE);
    const taken: bigint[] = [];
    try {
      while (taken.length < slices && !signal?.aborted) {
        if (performance.now() > end) break;
        if (taken.length % LOOK === 0 && memoryInfo().free < least) break;
        taken.push(this.#take());
        await turn();
      }
    } finally {
      for (const address of taken) this.#giveBack(address);
    }
    const whole = !signal?.aborted;
    // What the limit has left over is still stale, and wanted the next time.
    const bytes = taken.length * SLICE;
    if (whole) {
      this.#freedBefore = bytesEverFreed() - Math.max(0, wanted - bytes);
    }
    return { bytes, wanted, whole };
  }

  #take(): bigint {
    const address = need(this.#libc, "mmap")(
      0n,
      BigInt(SLICE),
      PROT_READ_WRITE,
      MAP_PRIVATE_ANONYMOUS_NORESERVE,
      -1,
      0n,
    );
    if (address === MAP_FAILED) {
      throw failed(this.#libc, "map", `${SLICE} bytes`);
    }
    try {
      // Small pages are served from what was freed last and lies in pieces; a
      // huge one would be a block that perhaps nobody has touched yet.
      this.#advise(address, MADV_NOHUGEPAGE, true);
      this.#advise(address, MADV_POPULATE_WRITE);
      // From here on the kernel may take it back, with no need to ask.
      this.#advise(address, MADV_FREE);
    } catch (error) {
      this.#giveBack(address);
      throw error;
    }
    return address;
  }

  #advise(address: bigint, advice: number, optional = false): void {
    const call = need(this.#libc, "madvise");
    if (call(address, BigInt(SLICE), advice) === 0 || optional) return;
    throw failed(this.#libc, `advise ${advice} on`, `${SLICE} bytes`);
  }

  #giveBack(address: bigint): void {
    if (need(this.#libc, "munmap")(address, BigInt(SLICE)) === 0) return;
    throw failed(this.#libc, "unmap", `${SLICE} bytes`);
  }
}

/** Enough that the kernel never has to reclaim for our sake. */
function reserve(): number {
  return 2 * bytesKeptFree() + 2 * SLICE;
}
