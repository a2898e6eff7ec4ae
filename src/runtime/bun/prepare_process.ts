/**
 * Settings of Bun that must be in the environment before the process starts. The services that
 * `lull install` writes have them. If they are missing, Lull executes itself again with them; the
 * process id stays the same. Lull removes them from the environment, so that child processes do not
 * inherit them.
 * @module
 */
import { accessSync, constants, readFileSync } from "node:fs";
import process from "node:process";
import { messageOf } from "../../util/errors.ts";

/** The settings; each was chosen by measurement. */
export const SETTINGS = {
  // Turns off the timer that collects garbage: it wakes the process 13 to 17 times a second for
  // half a minute after work.
  BUN_GC_TIMER_DISABLE: "1",
  // Turns off the compiler: the first compiled function costs every later snapshot 3 MB, and a
  // compilation during a recovery delays the reply. Without it, a request takes about 30 µs longer.
  BUN_JSC_useBaselineJIT: "0",
  // A collection keeps code that has not run recently, about 0.9 MB. Without that code, a recovery
  // would decode and link it again while its caller waits.
  BUN_JSC_forceCodeBlockLiveness: "1",
  // Turns off JavaScriptCore's own timers, which collect again 6 to 11 s after the last work. Their
  // delay is the length of a collection divided by this share of a CPU per MB
  // (GCActivityCallback.h), so with a very small share they never expire.
  BUN_JSC_percentCPUPerMBForFullTimer: "0.0000001",
  BUN_JSC_percentCPUPerMBForEdenTimer: "0.0000001",
  // The heap grows by 2 MiB before a collection, not by 1: the start allocates a little more than 1,
  // and a collection before the first reply would take 3 ms. Settled, the heap is as small as before.
  BUN_JSC_smallHeapSize: "2097152",
  // Freed pages return to the kernel at once, not after 10 ms.
  MIMALLOC_PURGE_DELAY: "0",
} as const;

/** Carries the former values of the settings, as JSON. */
const MARKER = "LULL_FORMER_ENVIRONMENT";

/**
 * Executes this process again with the settings, once. Returns undefined if they are in force, and
 * the reason if that is not possible.
 */
export function prepareProcess(): string | undefined {
  const missing = Object.entries(SETTINGS)
    .filter(([name, value]) => process.env[name] !== value)
    .map(([name]) => name);
  const former = process.env[MARKER];
  if (former !== undefined || missing.length === 0) {
    // The second execution, after which there is never a third, or a service that has the settings.
    restore(former ?? "{}");
    if (missing.length === 0) return undefined;
    return `Cannot change settings of Bun: ${missing.join(", ")} lost`;
  }
  try {
    execute();
  } catch (error) {
    return `Cannot change settings of Bun: ${messageOf(error)}`;
  }
}

function restore(former: string): void {
  delete process.env[MARKER];
  for (const name of Object.keys(SETTINGS)) delete process.env[name];
  try {
    Object.assign(process.env, JSON.parse(former));
  } catch {
    // The value was not written by Lull, so there is nothing to restore.
  }
}

function execute(): void {
  if (typeof process.execve !== "function") {
    throw new Error("this Bun has no process.execve");
  }
  // Checked first: when execve(2) fails, the runtime has already shut down parts of itself.
  accessSync(process.execPath, constants.X_OK);
  const former = Object.fromEntries(
    Object.keys(SETTINGS)
      .filter((name) => process.env[name] !== undefined)
      .map((name) => [name, process.env[name]]),
  );
  process.execve(process.execPath, commandLine(), {
    ...process.env,
    ...SETTINGS,
    [MARKER]: JSON.stringify(former),
  });
}

/** The arguments as the kernel has them: process.argv differs in the binary. */
function commandLine(): string[] {
  return readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
}
