/**
 * Logs errors that no code has caught. This replaces no catch: errors of deferred work are caught
 * where the work is deferred.
 * @module
 */
import process from "node:process";
import type { Log } from "../log/mod.ts";

/**
 * Logs errors that would end the process, which goes on: while the guest is quiesced, the agent is
 * the only one that can make it run again. Both runtimes call these handlers for timers,
 * microtasks, events and promises.
 */
export function surviveErrors(log: Pick<Log, "error">): void {
  const tell = (error: unknown) =>
    log.error("an error was not caught, please report it as a bug of Lull", {
      error: String(error),
      stack: error instanceof Error ? error.stack : undefined,
    });
  process.on("uncaughtException", tell);
  process.on("unhandledRejection", tell);
}
