/**
 * What a rehearsal has in place of the kernel's log.
 * @module
 */
import { rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FORK_WORDS } from "../evidence/observer.ts";
import {
  KERNEL_LOG,
  type KernelLog,
  KernelLogWatch,
  openKernelLog,
} from "../linux/kmsg.ts";
import type { Libc } from "../linux/libc.ts";
import type { Runtime } from "../runtime/types.ts";

/** Where its files are, for a moment, and what handles them. */
interface Place {
  readonly libc: Libc;
  readonly runtime: Pick<Runtime, "tryInput">;
  readonly runtimeDirectory: string;
}

/** As the kernel's log wakes a fork; whoever may not read it is not woken either. */
export async function wakeUp(
  { libc, runtime, runtimeDirectory }: Place,
): Promise<void> {
  const path = join(runtimeDirectory, "wake.try");
  const name = new TextEncoder().encode(`${path}\0`);
  const remove = () => rmSync(path, { force: true });
  try {
    remove(); // that of an agent that was killed
    const made = libc.mkfifo?.(name, 0o600) === 0;
    await runtime.tryInput(made ? path : undefined, KERNEL_LOG).finally(remove);
  } catch {
    // No directory, or no right to the log, and then nothing will wake it.
  }
}

/** A watch that is told of a record, and ends. */
export function watchOnce(libc: Libc): Promise<void> {
  return new Promise((resolve) => {
    const log = { fd: -1, next: () => Promise.resolve() };
    const watch = new KernelLogWatch({
      libc,
      runtime: { openInput: () => log },
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
