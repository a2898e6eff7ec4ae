/**
 * The file calls that a recovery's caller waits for.
 * @module
 */
import { renameSync, writeSync } from "node:fs";
import { failed, type Libc } from "./libc.ts";

/** Calls of one implementation; each throws where the kernel refuses. */
export interface FileCalls {
  /** Writes at the file's position; gives the bytes written, perhaps not all. */
  write(fd: number, bytes: Uint8Array): number;
  /** rename(2): atomic. */
  rename(from: string, to: string): void;
}

/** The runtime's own. */
export const nodeFiles: FileCalls = {
  write: (fd, bytes) => writeSync(fd, bytes),
  rename: (from, to) => renameSync(from, to),
};

/**
 * The C library's: on Deno a quarter of the code of node:fs, which looks into
 * permissions and paths. Where this libc lacks one, the runtime's own.
 */
export function libcFiles(libc: Libc): FileCalls {
  const { write, rename } = libc;
  if (write === undefined || rename === undefined) return nodeFiles;
  // A path is made a C string once: there are few, and a caller waits.
  const paths = new Map<string, Uint8Array>();
  const pathOf = (text: string) => {
    let path = paths.get(text);
    if (path === undefined) {
      paths.set(text, path = new TextEncoder().encode(`${text}\0`));
    }
    return path;
  };
  return {
    write(fd, bytes) {
      const count = write(fd, bytes, BigInt(bytes.length));
      if (count === -1) throw failed(libc, "write to", `descriptor ${fd}`);
      return count;
    },
    rename(from, to) {
      if (rename(pathOf(from), pathOf(to)) === -1) {
        throw failed(libc, "rename", from);
      }
    },
  };
}
