/**
 * One request and its reply, as the connection keeper sees it.
 * @module
 */
import type { Peer } from "../runtime/types.ts";

/** Routes leave here what is to happen once the reply has reached the caller. */
export class Exchange {
  /** Stays for good, as the one of `Known` does, and for the same reason. */
  static readonly example = new Exchange(undefined);
  readonly peer: Peer | undefined;
  /** True while the body of the request has not arrived whole. */
  receiving = false;
  /** The caller has said that this reply is the last on its connection. */
  callerCloses = false;
  readonly #after: (() => void)[] = [];

  constructor(peer: Peer | undefined) {
    this.peer = peer;
  }

  /** Calls the action when the reply was acknowledged, or its caller is gone. */
  afterReply(action: () => void): void {
    this.#after.push(action);
  }

  get hasAfter(): boolean {
    return this.#after.length > 0;
  }

  /** Runs what was left for after the reply. */
  replied(): void {
    for (const action of this.#after.splice(0)) action();
  }
}

/** What Hono's handlers find in `c.env`. */
export interface Bindings {
  readonly exchange: Exchange;
  /** True if the agent itself asks, in its warm-up: the request is not counted. */
  readonly selfCall?: boolean;
}
