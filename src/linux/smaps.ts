/**
 * The mappings of a process that have pages in memory: proc_pid_smaps(5).
 * @module
 */
import { readFileSync } from "node:fs";

/** A mapping of which a part, or all, is in memory. */
export interface ResidentMapping {
  /** The address of its first byte, and the address after its last byte. */
  readonly from: number;
  readonly to: number;
  /** Its permissions, as `rw-p`. */
  readonly rights: string;
  /** Whether it is a part of a file. */
  readonly isFile: boolean;
  /** The path of the file, or what the kernel uses the memory for, as `[stack]`; empty if there is none. */
  readonly name: string;
  /** Bytes in memory. */
  resident: number;
  /** Bytes of them in huge pages. */
  huge: number;
}

/** The first line of a mapping: addresses, permissions, offset, device, inode and name. */
const HEAD = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ (\d+) *(.*)$/;
const COUNTER = /^(Rss|AnonHugePages): +(\d+) kB$/;

/** Lists the mappings of a process that have pages in memory. */
export function residentMappings(
  pid: number | "self" = "self",
): ResidentMapping[] {
  return mappingsIn(readFileSync(`/proc/${pid}/smaps`, "latin1"));
}

/** The mappings with pages in memory in the text of smaps. */
export function mappingsIn(smaps: string): ResidentMapping[] {
  const found: ResidentMapping[] = [];
  for (const line of smaps.split("\n")) {
    const head = HEAD.exec(line);
    if (head !== null) {
      const [, from, to, rights, inode, name] = head;
      found.push({
        ...{ from: parseInt(from, 16), to: parseInt(to, 16), rights, name },
        ...{ isFile: inode !== "0", resident: 0, huge: 0 },
      });
      continue;
    }
    const counter = COUNTER.exec(line);
    const last = found.at(-1);
    if (counter === null || last === undefined) continue;
    const bytes = Number(counter[2]) * 1024;
    last[counter[1] === "Rss" ? "resident" : "huge"] = bytes;
  }
  return found.filter(({ resident }) => resident > 0);
}
