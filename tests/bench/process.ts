/**
 * What the kernel says of one process over a stretch of time.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { threadsOf } from "../support/proc.ts";
import { PAGE } from "./memory_files.ts";
import { PageTable, PRESENT, SOFT_DIRTY } from "./pagemap.ts";
import { pass } from "./stats.ts";

/** What a process does while it should do nothing, per second. */
export interface Rest {
  /** Voluntary context switches of all its threads. */
  readonly wakeups: number;
  /** Undefined without MEM_SOFT_DIRTY. */
  readonly dirtied: number | undefined;
  /** Read or written: there are no more dirtied ones than these. */
  readonly touched: number;
}

/** Watches a process for so long. */
export async function watchRest(pid: number, seconds: number): Promise<Rest> {
  const tracked = canTrack();
  if (tracked) writeFileSync(`/proc/${pid}/clear_refs`, "4");
  clearReferenced(pid);
  const before = switchesByThread(pid);
  await pass(seconds * 1000);
  let wakeups = 0;
  for (const [tid, count] of switchesByThread(pid)) {
    wakeups += count - (before.get(tid) ?? 0);
  }
  return {
    wakeups: wakeups / seconds,
    dirtied: tracked ? dirtyPages(pid) / seconds : undefined,
    touched: referencedBytes(pid) / PAGE / seconds,
  };
}

/** From now on no page counts as referenced (proc_pid_clear_refs(5)). */
export function clearReferenced(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "1");
}

/** A thread that ends in between counts for nothing. */
function switchesByThread(pid: number): Map<number, number> {
  const switches = new Map<number, number>();
  for (const tid of threadsOf(pid)) {
    try {
      const path = `/proc/${pid}/task/${tid}/status`;
      const found = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(
        readFileSync(path, "utf8"),
      );
      switches.set(tid, Number(found?.[1] ?? 0));
    } catch {
      // Ended between the list and the look.
    }
  }
  return switches;
}

/** CPU time of a process so far, in milliseconds (utime and stime of proc_pid_stat(5)). */
export function cpuMs(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** A kernel without soft-dirty sets no bit, whatever happens. */
function canTrack(): boolean {
  try {
    writeFileSync("/proc/self/clear_refs", "4");
    const page = new Uint8Array(1 << 20).fill(1);
    return page[0] === 1 && dirtyPages(process.pid) > 0;
  } catch {
    return false; // EINVAL: the kernel was built without it
  }
}

function dirtyPages(pid: number): number {
  using table = new PageTable(`/proc/${pid}/pagemap`);
  let dirty = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, "utf8").split("\n")) {
    const found = /^([0-9a-f]+)-([0-9a-f]+) .w/.exec(line);
    if (found === null) continue;
    const first = parseInt(found[1], 16) / PAGE;
    const count = parseInt(found[2], 16) / PAGE - first;
    for (let at = 0; at < count; at += 65536) {
      const entries = table.read(first + at, Math.min(65536, count - at));
      for (let i = 1; i < entries.length; i += 2) {
        // Fresh mappings count as dirty: only pages that are there matter.
        if (entries[i] & SOFT_DIRTY && entries[i] & PRESENT) dirty++;
      }
    }
  }
  return dirty;
}

function referencedBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  return Number(/^Referenced:\s+(\d+) kB/m.exec(text)?.[1] ?? NaN) * 1024;
}
