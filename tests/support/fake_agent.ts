/**
 * The parts of an agent that its app needs, without a socket.
 */
import { Metrics } from "../../src/http/metrics.ts";
import type { Agent } from "../../src/http/context.ts";
import type { Lifecycle } from "../../src/lifecycle/lifecycle.ts";

/** Admits all callers, keeps no stream open, and logs nothing. `more` replaces parts. */
export function fakeAgent(
  lifecycle: Lifecycle,
  more: Partial<Agent> = {},
): Agent {
  const nothing = () => {};
  return {
    lifecycle,
    runtime: { name: "bun", version: "0" },
    tracker: {
      keepAlive: true,
      beginStream: () => Promise.resolve(undefined),
    },
    metrics: new Metrics(),
    newId: () => "id",
    repaired: [],
    log: { debug: nothing, info: nothing, warn: nothing, error: nothing },
    bodyLimitBytes: 4096,
    tokenNeeded: false,
    guard: {
      refusal: () => undefined,
      mayRecoverByHealth: () => true,
      mayReadMemory: () => false,
    },
    healthMayRecover: () => true,
    ...more,
  };
}

/** A log that keeps the error of each message of level ERROR. */
export function errorLog(errors: unknown[]): Agent["log"] {
  const nothing = () => {};
  return {
    ...{ debug: nothing, info: nothing, warn: nothing },
    error: (_, fields) => void errors.push(fields?.error),
  };
}
