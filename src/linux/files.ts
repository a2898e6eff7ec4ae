/**
 * The file calls that a recovery's caller waits for.
 * @module
 */
import { renameSync, writeSync } from "node:fs";
import { lastError, type Libc } from "./libc.ts";

/** Calls of one implementation; each throws where the kernel refuses. */
export interface FileCalls {
  /** Writes at the file's position; gives the bytes written, perhaps not all. */
  write(fd: number, bytes: Uint8Array): number;
  /** What renames the one to the other: rename(2), which is atomic. */
  renamer(from: string, to: string): () => void;
}

/** The runtime's own. */
export const nodeFiles: FileCalls = {
  write: (fd, bytes) => writeSync(fd, bytes),
  renamer: (from, to) => () => renameSync(from, to),
};

/**
 * The C library's: on Deno a quarter of the code of node:fs, which looks into
 * permissions and paths. Where this libc lacks one, the runtime's own.
 */
export function libcFiles(libc: Libc): FileCalls {
  const { write, rename } = libc;
  if (write === undefined || rename === undefined) return nodeFiles;
  const pathOf = (text: string) => new TextEncoder().encode(`${text}\0`);
  return {
    write(fd, bytes) {
      const count = write(fd, bytes, BigInt(bytes.length));
      if (count === -1) throw lastError(libc, "write to", `descriptor ${fd}`);
      return count;
    },
    renamer(from, to) {
      // Made C strings before a caller waits: to look them up would take as long.
      const [old, renamed] = [pathOf(from), pathOf(to)];
      return () => {
        if (rename(old, renamed) === -1) throw lastError(libc, "rename", from);
      };
    },
  };
}
