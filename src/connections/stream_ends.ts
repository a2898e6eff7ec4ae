/**
 * What ends the streams that the runtime writes, by their connections.
 * @module
 */
import type { Peer } from "../runtime/types.ts";
import { keyOf } from "./exchanges.ts";

/** Ends a stream. `retry` says that its client is to wait before it connects again. */
export type EndStream = (retry?: "later") => void;

/** The streams that the runtime writes. All unix connections have the same name. */
export class StreamEnds {
  readonly #byPeer = new Map<string, Set<EndStream>>();

  /** Adds a stream; the returned function removes it. */
  add(peer: Peer, end: EndStream): () => void {
    const key = keyOf(peer);
    const ends = this.#byPeer.get(key) ?? new Set();
    this.#byPeer.set(key, ends.add(end));
    return () => {
      ends.delete(end);
      const isLast = ends.size === 0 && this.#byPeer.get(key) === ends;
      if (isLast) this.#byPeer.delete(key);
    };
  }

  /** The streams on the connections of this name. */
  of(peer: Peer): EndStream[] {
    return [...this.#byPeer.get(keyOf(peer)) ?? []];
  }

  get all(): EndStream[] {
    return [...this.#byPeer.values()].flatMap((ends) => [...ends]);
  }
}
