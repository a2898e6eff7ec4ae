/**
 * Resolves the links in paths (realpath(3)). The freezer's worker does this, because a filesystem
 * on the path may never answer.
 * @module
 */
import { realpathSync } from "node:fs";
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
