/**
 * Changes that can be undone, and the interface that they concern.
 * @module
 */
import type { LinkAddress } from "../linux/link_addresses.ts";
import type { Link, Network } from "../linux/rtnetlink.ts";

/** A change that was made, and its undo. */
export interface Change {
  /** The text for the report; undefined if the report does not mention the change. */
  readonly what?: string;
  readonly undo: () => void;
}

/** The interface to change, and the changes so far. */
export interface Work {
  readonly network: Network;
  readonly link: Link;
  /** The changes that were made. The caller undoes them if a later change fails. */
  readonly done: Change[];
  /** The addresses from which ports are forwarded: they stay. */
  readonly forwardAddresses: readonly string[];
  /** The address to which the call came: it stays until the reply is acknowledged. */
  readonly replyOver: string | undefined;
  /** The addresses that the interface loses. */
  readonly lost: LinkAddress[];
}

/** Adds a note for the report that needs no undo. */
export function note(done: Change[], what: string): void {
  done.push({ what, undo() {} });
}
