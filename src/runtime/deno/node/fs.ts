/**
 * node:fs in the bundle for Deno: the functions that Lull uses.
 * @module
 */
import type * as Fs from "node:fs";
import { nodeFs } from "./builtin.ts";

export { constants } from "./constants.ts";
export * from "./descriptors.ts";
export * from "./files.ts";
export * from "./read.ts";
export * from "./stats.ts";

// What only `lull install` uses.
export const copyFileSync: typeof Fs.copyFileSync = (...args) =>
  nodeFs().copyFileSync(...args);
export const symlinkSync: typeof Fs.symlinkSync = (...args) =>
  nodeFs().symlinkSync(...args);
export const rmdirSync: typeof Fs.rmdirSync = (...args) =>
  nodeFs().rmdirSync(...args);
