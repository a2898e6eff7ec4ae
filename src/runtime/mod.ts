/**
 * Chooses the adapter of the runtime that this process runs on.
 * @module
 */
import type { ListenModule } from "../ports/listen.ts";
import type { Runtime } from "./types.ts";

/**
 * Loads the adapter of this runtime, and only that one: the other file names
 * modules that do not exist here. Fails on a runtime that is neither.
 */
export async function loadRuntime(): Promise<Runtime> {
  if ("Bun" in globalThis) return (await import("./bun/mod.ts")).bunRuntime;
  if ("Deno" in globalThis) return (await import("./deno/mod.ts")).denoRuntime;
  throw new Error(
    "Cannot load a runtime: neither Bun nor Deno runs this process",
  );
}

/** Loads what the forwarder's worker listens with on this runtime. */
export async function loadListen(): Promise<ListenModule> {
  if ("Bun" in globalThis) return await import("../ports/relay/bun/listen.ts");
  return await import("../ports/relay/deno/listen.ts");
}
