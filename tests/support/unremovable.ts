/**
 * Files that no program can remove.
 */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Puts a directory with content in the place of a file: even root cannot remove it as a file. */
export function makeUnremovable(path: string): void {
  rmSync(path);
  mkdirSync(join(path, "content"), { recursive: true });
}
