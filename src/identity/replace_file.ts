/**
 * Gives files new content, on threads of the runtime.
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { hasCode } from "../util/errors.ts";
import { nodeFsPromises } from "../util/lazy_builtins.ts";

/** Whether two paths lead to the same file. */
export async function isSame(one: string, other: string): Promise<boolean> {
  const { stat } = nodeFsPromises();
  const [a, b] = await Promise.all(
    [one, other].map((path) => unlessMissing(stat(path))),
  );
  return a !== undefined && b !== undefined && a.dev === b.dev &&
    a.ino === b.ino;
}

/** Writes a file of its own, with the owner and the permissions of another one. */
export async function writeAs(
  path: string,
  content: string | Uint8Array,
  { uid, gid, mode }: { uid: number; gid: number; mode: number },
): Promise<void> {
  const { writeFile, chown, chmod, rm } = nodeFsPromises();
  await rm(path, { force: true });
  await writeFile(path, content, { mode: 0o600, flag: "wx" });
  await chown(path, uid, gid);
  await chmod(path, mode & 0o7777);
}

/**
 * Writes a file that is mounted, and therefore cannot be replaced by another one. If that fails, for
 * example on a full tmpfs, the file keeps its content.
 */
export async function writeInPlace(
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const { open, readFile } = nodeFsPromises();
  const file = await open(path, "r+");
  try {
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    const former = await readFile(path);
    try {
      await overwrite(file, bytes);
    } catch (error) {
      await overwrite(file, former); // it still has the memory for this
      throw error;
    } finally {
      former.fill(0); // it may be a secret key
    }
  } finally {
    await file.close();
  }
}

/** Writes before it truncates: the memory of the former content is not free in between. */
async function overwrite(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, at);
    at += bytesWritten;
  }
  await file.truncate(bytes.length);
}

/** Replaces a file by rename(2): readers see the old content or the new one. */
export async function replaceOnDisk(
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const { stat, rename, rm } = nodeFsPromises();
  const next = `${path}.lull`;
  try {
    await writeAs(next, content, await stat(path));
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    // Another program has mounted a file there.
    if (!hasCode(error, "EBUSY")) throw error;
    await writeInPlace(path, content);
  }
}

/** Resolves to undefined if the file does not exist. */
export async function unlessMissing<T>(
  work: Promise<T>,
): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}
