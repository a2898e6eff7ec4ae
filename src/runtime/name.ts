/**
 * Tells which runtime runs this process, and loads nothing for it.
 * @module
 */
import type { Runtime } from "./types.ts";

/** The name of the runtime that runs this thread. Fails on a runtime that is neither. */
export function runtimeName(): Runtime["name"] {
  if ("Bun" in globalThis) return "bun";
  if ("Deno" in globalThis) return "deno";
  throw new Error(
    "Cannot load a runtime: neither Bun nor Deno runs this process",
  );
}
