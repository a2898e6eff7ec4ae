/**
 * Some of what Bun does on its own account can only be told off in the
 * environment that the process starts with, so Lull executes itself again with
 * it; the process id stays. What it added is taken out again, or children would
 * inherit it.
 * @module
 */
import { accessSync, constants, readFileSync } from "node:fs";
import process from "node:process";
import { messageOf } from "../../util/errors.ts";

/** The settings; each was chosen by measurement. */
const SETTINGS = {
  // The timer that collects garbage wakes the process 13 to 17 times a second
  // for half a minute after work.
  BUN_GC_TIMER_DISABLE: "1",
  // The first function that is compiled costs every later snapshot 3 MB, and a
  // compiler at work in a recovery delays its reply. A request to an agent that
  // only interprets takes some 30 µs longer.
  BUN_JSC_useBaselineJIT: "0",
  // A collection keeps code that has not run for a moment: the recovery would
  // have to decode and link it again while its caller waits. Some 0.9 MB.
  BUN_JSC_forceCodeBlockLiveness: "1",
  // JavaScriptCore's own timers collect once more 6 to 11 s after the last work.
  // Their delay is a collection's length by this share of a CPU per MB
  // (GCActivityCallback.h): with next to nothing they never come.
  BUN_JSC_percentCPUPerMBForFullTimer: "0.0000001",
  BUN_JSC_percentCPUPerMBForEdenTimer: "0.0000001",
  // Freed pages go back to the kernel at once, not after 10 ms.
  MIMALLOC_PURGE_DELAY: "0",
} as const;

/** Carries the former values of the settings, as JSON. */
const MARKER = "LULL_FORMER_ENVIRONMENT";

/**
 * Executes this process again with the settings, once; gives back the reason
 * where that is not possible, and undefined where they are in force.
 */
export function prepareProcess(): string | undefined {
  const missing = Object.entries(SETTINGS)
    .filter(([name, value]) => process.env[name] !== value)
    .map(([name]) => name);
  const former = process.env[MARKER];
  if (former !== undefined) {
    // The second life. Whatever it finds, there is no third.
    restore(former);
    if (missing.length === 0) return undefined;
    return `Cannot change settings of Bun: ${missing.join(", ")} lost`;
  }
  if (missing.length === 0) return undefined;
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
    // Not what Lull wrote: somebody else's, and nothing to give back.
  }
}

function execute(): void {
  if (typeof process.execve !== "function") {
    throw new Error("this Bun has no process.execve");
  }
  // execve(2) fails too late: the runtime has shut down parts of itself by then
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
