/**
 * Counts which pages of a file a process has touched, by what the kernel keeps
 * about the process's mapping of that file.
 * @module
 */
import { readFileSync } from "node:fs";
import { PAGE } from "./memory_files.ts";
import { framesIn, PageTable } from "./pagemap.ts";

/** A process's mapping of a file (proc_pid_smaps(5)). */
export interface Mapping {
  /** Its first address. */
  readonly start: number;
  readonly bytes: number;
  /** Pages that the process reaches without a fault. */
  readonly mapped: number;
  /** Pages that the process has touched since `clearReferenced`. */
  readonly touched: number;
  /** Bytes that are mapped in huge pages, which count as touched in whole. */
  readonly hugeBytes: number;
}

/** KPF_REFERENCED of /proc/kpageflags. */
const REFERENCED = 1 << 2;

/** Frames that are so far apart are not read at once from /proc/kpageflags. */
const GAP = 4096;

/** Finds the mapping of a file in the text of /proc/PID/smaps; an Error if there is none. */
export function findMapping(smaps: string, file: string): Mapping {
  for (const text of smaps.split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)) {
    const [head] = text.split("\n", 1);
    if (!head.endsWith(` ${file}`)) continue;
    const [start, end] = head.split(" ")[0].split("-")
      .map((word) => parseInt(word, 16));
    const bytesOf = (name: string) =>
      1024 *
      Number(new RegExp(`^${name}: +(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
    return {
      start,
      bytes: end - start,
      mapped: bytesOf("Rss") / PAGE,
      touched: bytesOf("Referenced") / PAGE,
      hugeBytes: bytesOf("AnonHugePages") + bytesOf("ShmemPmdMapped") +
        bytesOf("FilePmdMapped"),
    };
  }
  throw new Error(
    `Cannot count pages of ${file}: the process has not mapped it`,
  );
}

/** The mapping of a file in a process; an Error if huge pages make its count wrong. */
export function mappingOf(pid: number, file: string): Mapping {
  const mapping = findMapping(readFileSync(`/proc/${pid}/smaps`, "utf8"), file);
  if (mapping.hugeBytes > 0) {
    throw new Error(
      `Cannot count touched pages: ${mapping.hugeBytes} bytes of the guest's memory are in ` +
        "transparent huge pages; write never to /sys/kernel/mm/transparent_hugepage/shmem_enabled",
    );
  }
  return mapping;
}

/**
 * The page frames behind a mapping, in the order of its pages. All of them are
 * 0 unless this process is root.
 */
export function framesOf(pid: number, { start, bytes }: Mapping): number[] {
  using table = new PageTable(`/proc/${pid}/pagemap`);
  return framesIn(table.read(start / PAGE, bytes / PAGE));
}

/**
 * The pages whose frames the kernel has marked as referenced, in ascending
 * order. As a process ends, the kernel marks the frames of each file page that
 * the process has touched. Until then only the sum in smaps tells of them.
 */
export function referencedPages(frames: readonly number[]): number[] {
  using table = new PageTable("/proc/kpageflags");
  const order = [...frames.keys()].filter((page) => frames[page] !== 0)
    .sort((a, b) => frames[a] - frames[b]);
  const pages: number[] = [];
  for (let from = 0; from < order.length;) {
    const first = frames[order[from]];
    let to = from + 1;
    while (
      to < order.length && frames[order[to]] - frames[order[to - 1]] < GAP
    ) {
      to++;
    }
    const flags = table.read(first, frames[order[to - 1]] - first + 1);
    for (const page of order.slice(from, to)) {
      if (flags[2 * (frames[page] - first)] & REFERENCED) pages.push(page);
    }
    from = to;
  }
  return pages.sort((a, b) => a - b);
}
