/**
 * Logs requests.
 * @module
 */
import type { Log } from "../../log/mod.ts";

/** The fields of the line; `request` is the request's id. */
export interface Answered {
  readonly request: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
}

/** Logs one line. A GET without an error is logged at level debug, because hosts poll often. */
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
