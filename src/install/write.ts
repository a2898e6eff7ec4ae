/**
 * Files that are whole or not there: written beside their place, then renamed
 * into it.
 * @module
 */
import { Buffer } from "node:buffer";
import {
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorText } from "../util/errors.ts";
import { InstallError } from "./error.ts";
import { entryAt } from "./tree.ts";

const CHUNK_BYTES = 1 << 20;

/** What a file is to hold. */
export type Content =
  | { readonly text: string }
  /** A copy of that file. */
  | { readonly file: string };

/**
 * Makes a file of that content and mode, in place of what is there, a link too;
 * false where it is so already.
 */
export function writeWhole(
  path: string,
  content: Content,
  mode: number,
): boolean {
  if (isSo(path, content, mode)) return false;
  replace(path, (beside) => {
    if ("text" in content) writeFileSync(beside, content.text, { flag: "wx" });
    else copyFileSync(content.file, beside, constants.COPYFILE_EXCL);
    const file = openSync(beside, "r+");
    try {
      fchmodSync(file, mode); // whatever the umask, and the mode of the source
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  });
  return true;
}

/** Makes a link, in place of what is there. */
export function linkWhole(path: string, target: string): void {
  replace(path, (beside) => symlinkSync(target, beside));
}

/** The text of a file; undefined for a link, and whatever else is no file. */
export function readText(path: string): string | undefined {
  if (!entryAt(path)?.isFile()) return undefined;
  return readFileSync(path, "utf8");
}

function replace(path: string, make: (beside: string) => void): void {
  const beside = join(dirname(path), `.${basename(path)}.new`);
  try {
    rmSync(beside, { force: true }); // of an install that was killed
    make(beside);
    renameSync(beside, path);
  } catch (error) {
    rmSync(beside, { force: true });
    throw new InstallError(`Cannot write ${path}: ${errorText(error)}`);
  }
}

function isSo(path: string, content: Content, mode: number): boolean {
  const entry = entryAt(path);
  if (!entry?.isFile() || (entry.mode & 0o7777) !== mode) return false;
  if ("text" in content) return readFileSync(path, "utf8") === content.text;
  return haveSameBytes(path, content.file);
}

function haveSameBytes(one: string, other: string): boolean {
  if (statSync(one).size !== statSync(other).size) return false;
  const files = [openSync(one, "r"), openSync(other, "r")];
  const chunks = files.map(() => new Uint8Array(CHUNK_BYTES));
  try {
    for (;;) {
      const [read, same] = files.map((file, i) =>
        readSync(file, chunks[i], 0, CHUNK_BYTES, null)
      );
      if (read !== same) return false;
      if (read === 0) return true;
      const [one, other] = chunks.map((chunk) => chunk.subarray(0, read));
      // Native: a hundred megabytes, byte by byte, take seconds.
      if (Buffer.compare(one, other) !== 0) return false;
    }
  } finally {
    files.forEach(closeSync);
  }
}
