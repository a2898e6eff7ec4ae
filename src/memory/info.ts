/**
 * Reads the counters of memory: proc_meminfo(5), proc_vmstat(5), proc_pid_statm(5).
 * @module
 */
import { readFileSync } from "node:fs";
import { pageBytes } from "../linux/page_size.ts";

/** The use of the machine's memory in bytes. */
export interface MemoryInfo {
  /** Free pages. */
  readonly free: number;
  /** Pages of files, including those of tmpfs. */
  readonly cached: number;
}

/** Reads the use of the machine's memory. */
export function memoryInfo(path = "/proc/meminfo"): MemoryInfo {
  const text = readFileSync(path, "utf8");
  return {
    free: kilobytes(text, "MemFree"),
    cached: kilobytes(text, "Cached"),
  };
}

/** Returns the bytes freed since the boot. A page that was freed twice counts twice. */
export function bytesEverFreed(
  path = "/proc/vmstat",
  page = pageBytes(),
): number {
  const found = /^pgfree (\d+)$/m.exec(readFileSync(path, "utf8"));
  if (found === null) throw new Error(`Cannot read ${path}: it has no pgfree`);
  return Number(found[1]) * page;
}

/** Returns the bytes that the kernel keeps free for itself (vm.min_free_kbytes). */
export function bytesKeptFree(path = "/proc/sys/vm/min_free_kbytes"): number {
  return Number(readFileSync(path, "utf8")) * 1024;
}

/** Returns the resident bytes of this process: the second field of /proc/self/statm, proc(5). */
export function residentBytes(page = pageBytes()): number {
  const text = readFileSync("/proc/self/statm", "utf8");
  return Number(text.split(" ")[1]) * page;
}

/** Returns a counter of /proc/meminfo in bytes. */
export function kilobytes(text: string, name: string): number {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text);
  if (found === null) throw new Error(`Cannot read meminfo: it has no ${name}`);
  return Number(found[1]) * 1024;
}
