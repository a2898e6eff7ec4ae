/**
 * Reads the use of the machine: memory, disk and processors, as the hosts of dialects ask for it.
 * @module
 */
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { filesystemSize } from "../linux/filesystem_size.ts";
import { kilobytes } from "../memory/info.ts";

/** The use of memory in bytes. */
export interface MemoryUse {
  readonly total: number;
  /** What programs and the kernel hold, without what the kernel can give up at once. */
  readonly used: number;
  /** Pages of files. */
  readonly cache: number;
}

/** The use of a disk in bytes. */
export interface DiskUse {
  readonly total: number;
  readonly used: number;
}

/** Milliseconds to wait for a disk: a filesystem of a server may never answer. */
const DISK_LIMIT_MS = 50;

/** Reads the use of memory: proc_meminfo(5). */
export function memoryUse(path = "/proc/meminfo"): MemoryUse {
  const text = readFileSync(path, "utf8");
  const total = kilobytes(text, "MemTotal");
  return {
    total,
    used: total - kilobytes(text, "MemAvailable"),
    cache: kilobytes(text, "Cached"),
  };
}

/** Reads the use of the disk that holds the path; undefined if it does not answer in time. */
export async function diskUse(path = "/"): Promise<DiskUse | undefined> {
  const size = await filesystemSize(path, DISK_LIMIT_MS)
    .catch(() => undefined);
  return size && {
    total: size.blocks * size.bsize,
    used: (size.blocks - size.bfree) * size.bsize,
  };
}

/** The number of processors. */
export function cpuCount(): number {
  return cpus().length;
}

/** Computes the share of time in which the processors worked. */
export class CpuUse {
  readonly #path: string;
  #before = { busy: 0, all: 0 };

  constructor(path = "/proc/stat") {
    this.#path = path;
  }

  /** Percent of all processors since the last call; the first call counts from the boot on. */
  percent(): number {
    const now = this.#read();
    const all = now.all - this.#before.all;
    const busy = now.busy - this.#before.busy;
    this.#before = now;
    return all > 0 ? Math.round(10_000 * busy / all) / 100 : 0;
  }

  /** The fields of the first line of /proc/stat, proc_stat(5). */
  #read(): { busy: number; all: number } {
    const [line] = readFileSync(this.#path, "utf8").split("\n", 1);
    const [user, nice, system, idle, wait, ...interrupts] = line.split(/ +/)
      .slice(1, 9).map(Number);
    const busy = [user, nice, system, ...interrupts].reduce((a, b) => a + b);
    return { busy, all: busy + idle + wait };
  }
}
