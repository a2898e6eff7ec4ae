/**
 * The type of a dialect: what an existing host calls, mapped onto the lifecycle. A dialect adds no
 * state to the lifecycle.
 * @module
 */
import type { Config } from "../config/mod.ts";
import type { Agent } from "../http/context.ts";
import type { Guard } from "../http/guard.ts";
import type { DialectRoute } from "../http/routes/route.ts";
import type { Libc } from "../linux/libc.ts";
import type { Runtime } from "../runtime/types.ts";
import type { DeferredQueue } from "../util/deferred_queue.ts";

/** The parts of the agent that a dialect uses. */
export interface DialectContext extends
  Pick<
    Agent,
    "lifecycle" | "log" | "metrics" | "newId" | "repaired" | "tracker"
  > {
  readonly config: Config;
  readonly guard: Pick<Guard, "refusalOfDialect">;
  readonly libc: Libc;
  readonly runtime: Runtime;
  /** The module of the worker that calls functions on mounts. */
  readonly freezerUrl: URL;
  /** Work that is deferred until after the reply. */
  readonly queue: Pick<DeferredQueue, "defer">;
  /**
   * Notes that the agent works, and resolves when the warm-up has ended. A call that does not arrive by
   * HTTP waits for this.
   */
  readonly ready: () => Promise<void>;
  /** Gets errors of work that no caller waits for. */
  readonly onError: (error: unknown) => void;
}

/** What a dialect serves: routes, a transport of its own, or both. */
export interface Dialect {
  readonly routes?: readonly DialectRoute[];
  /** The paths of Lull's own routes that a listener of the dialect serves beside the routes. */
  readonly lullPaths?: readonly string[];
  /**
   * Opens the dialect's own transport, after the agent listens. Resolves to the function that closes
   * it at the end of the agent. Throws a StartError if the agent cannot start without it.
   */
  readonly open?: () => Promise<() => void>;
}
