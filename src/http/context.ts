/**
 * The parts of the agent that the routes receive.
 * @module
 */
import type { Exchange } from "../connections/exchange.ts";
import type { ConnectionTracker } from "../connections/tracker.ts";
import type { ReadySocket } from "../hooks/ready_socket.ts";
import type { OwedThaws } from "../hooks/owed_thaws.ts";
import type { Repaired } from "../lifecycle/reports.ts";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { ReplyWay } from "../lifecycle/request.ts";
import type { Log } from "../log/mod.ts";
import type { PortSubsystem } from "../ports/subsystem.ts";
import type { PublishedSet } from "../memory/published_set.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Guard } from "./guard.ts";
import type { Metrics } from "./metrics.ts";

/** The parts of the agent that the routes use. */
export interface Agent {
  readonly lifecycle: Lifecycle;
  readonly runtime: Pick<Runtime, "name" | "version">;
  readonly tracker: Pick<ConnectionTracker, "keepAlive" | "beginStream">;
  readonly ports?: Pick<
    PortSubsystem,
    | "addresses"
    | "counts"
    | "forwarders"
    | "rules"
    | "setRules"
    | "status"
    | "watch"
  >;
  readonly metrics: Metrics;
  /** The changes that a killed agent left, and that this one undid at its start. */
  readonly repaired: readonly Repaired[];
  /** The thaws that are owed to hooks. */
  readonly owed?: Pick<OwedThaws, "names">;
  /** The programs that have reached the point where the snapshot may be taken. */
  readonly ready?: Pick<ReadySocket, "count">;
  /** Makes ids for requests. */
  readonly newId: () => string;
  readonly log: Log;
  readonly bodyLimitBytes: number;
  readonly guard: Pick<
    Guard,
    "refusal" | "mayRecoverByHealth" | "mayReadMemory"
  >;
  /** The agent's working set in the machine's memory; not given if it is not published. */
  readonly workingSet?: () => PublishedSet | undefined;
  /** The way of the reply to a call over the network, if it is known. */
  readonly replyWay?: (exchange: Exchange) => Promise<ReplyWay | undefined>;
  /** Whether calls other than health checks need the token. */
  readonly tokenNeeded: boolean;
  /** Whether a health check may recover a quiesced guest. */
  readonly healthMayRecover: () => boolean;
}
