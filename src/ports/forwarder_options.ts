/**
 * The options of a forwarder.
 * @module
 */
import type { Libc } from "../linux/libc.ts";
import type { Runtime } from "../runtime/types.ts";
import type { PortChange } from "./forwarded_ports.ts";
import type { PortLog } from "./log.ts";
import type { Protocol } from "./messages.ts";

/** How to forward. */
export interface ForwarderOptions {
  /** The addresses to forward from. */
  readonly forwardAddresses: readonly string[];
  /** TCP if not given. */
  readonly protocol?: Protocol;
  /** Whether the targets of a port expect the PROXY protocol; none does if not given. */
  readonly proxyProtocol?: (port: number) => boolean;
  /** How many connections each port may have; no limit if not given. */
  readonly maxConnections?: number;
  /** The module forwarder_worker.ts, at the place where the build has put it. */
  readonly workerUrl: URL;
  readonly runtime: Pick<Runtime, "startWorker">;
  readonly libc: Libc;
  readonly log: PortLog;
  /** Milliseconds, 200 by default, that the worker may take to close everything. */
  readonly stopLimitMs?: number;
  /** False to listen on each port, as on a kernel that cannot steer clients to one socket. */
  readonly steer?: boolean;
  /** Called for each port that is forwarded from now on, or no longer. */
  readonly onChange?: (change: PortChange) => void;
  /** Called when the worker has died, and no port is forwarded any more. */
  readonly onDeath?: () => void;
}
