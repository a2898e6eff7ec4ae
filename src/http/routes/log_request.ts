/**
 * One line in the log for each request.
 * @module
 */
import type { Log } from "../../log/mod.ts";

/** What the line says; `request` is the request's id. */
export interface Answered {
  readonly request: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

/** Polls are many and say little; what changes the agent is worth a line. */
export function logRequest(log: Log, answered: Answered): void {
  const { method, status, ms } = answered;
  const level = status >= 500
    ? "error"
    : status >= 400
    ? "warn"
    : method === "POST"
    ? "info"
    : "debug";
  log[level]("request", { ...answered, ms: Math.round(ms * 1000) / 1000 });
}
