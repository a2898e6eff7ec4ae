/**
 * Paths without links (realpath(3)). A filesystem on the way may not answer: the
 * agent resolves them in a thread that it can abandon.
 * @module
 */
import { realpathSync } from "node:fs";
import { errorText } from "../util/errors.ts";

/** Each path, and what it is without links or the code of the error. */
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
