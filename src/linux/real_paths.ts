/**
 * Resolves links. The freezer's worker calls realpath(3), because a filesystem on the path may never
 * answer.
 * @module
 */
import { readlinkSync, realpathSync } from "node:fs";
import { errorText } from "../util/errors.ts";

/** For each path: the path without links, or the code of the error. */
export type RealPaths = ReadonlyMap<
  string,
  { readonly path: string } | { readonly error: string }
>;

/** Resolves one path; never throws. */
export function realPath(
  path: string,
): { readonly path: string } | { readonly error: string } {
  try {
    return { path: realpathSync(path) };
  } catch (error) {
    return { error: errorText(error) };
  }
}

/** Returns where a link leads; undefined for a path that is no link, or does not exist. */
export function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
