/**
 * What a rehearsal has in place of the kernel's log.
 * @module
 */
import { unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FORK_WORDS } from "../evidence/observer.ts";
import {
  type KernelLog,
  KernelLogWatch,
  openKernelLog,
} from "../linux/kmsg.ts";
import type { Libc } from "../linux/libc.ts";

/** Where its files are, for a moment, and what handles them. */
interface Place {
  readonly libc: Libc;
  readonly runtimeDirectory: string;
}

/** A watch that is told of a record, and ends. */
export function watchOnce(libc: Libc): Promise<void> {
  return new Promise((resolve) => {
    const log = { fd: -1, next: () => Promise.resolve() };
    const watch = new KernelLogWatch({
      libc,
      runtime: { openWatch: () => log },
      onRecord() {
        watch.disarm();
        resolve();
      },
      onError: () => resolve(),
    });
    if (libc.lseek === undefined) resolve(); // then there is no watch
    else watch.arm();
  });
}

/**
 * A kernel's log, in a file, that says that this is a fork; undefined where no
 * file can be written, which the publishing has the words for.
 */
export function openForkLog(
  { libc, runtimeDirectory }: Place,
): KernelLog | undefined {
  const path = join(runtimeDirectory, "kmsg.try");
  try {
    writeFileSync(path, `5,1,1,-;${FORK_WORDS}\n`);
  } catch {
    return undefined;
  }
  try {
    const { find, close } = openKernelLog(libc, path);
    return { find, close, skip() {} };
  } finally {
    unlinkSync(path);
  }
}
