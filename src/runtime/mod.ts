/**
 * Chooses the adapter of the runtime that this process runs on.
 * @module
 */
import { prepareProcess as prepareBun } from "./bun/prepare_process.ts";
import { prepareProcess as prepareDeno } from "./deno/prepare_process.ts";
import { runtimeName } from "./name.ts";
import type { Runtime } from "./types.ts";

export { runtimeName };

/**
 * Applies the settings of this runtime that must be in place before the process starts. If they are
 * missing, it executes this process again with them and does not return; otherwise it removes their
 * traces. Returns the reason if that failed; the agent works without the settings. Must be called
 * before other modules are loaded: what the first execution loads, it loads for nothing. Both
 * variants are loaded with this module, because an import at run time takes Bun 2 ms.
 */
export function prepareProcess(): string | undefined {
  return runtimeName() === "bun" ? prepareBun() : prepareDeno();
}

/**
 * Loads the adapter of this runtime, and only that one: the other one imports modules that
 * do not exist here. Fails on a runtime that is neither.
 */
export async function loadRuntime(): Promise<Runtime> {
  return runtimeName() === "bun"
    ? (await import("./bun/mod.ts")).bunRuntime
    : (await import("./deno/mod.ts")).denoRuntime;
}
