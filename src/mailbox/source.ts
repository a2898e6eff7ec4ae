/**
 * Where a mailbox is, and how its content is read.
 * @module
 */

/** A place whose content the host changes with a restore. */
export interface MailboxSource {
  /** The name in reports: the path, or `mmds`. */
  readonly name: string;
  /** Milliseconds that a read may take. */
  readonly limitMs: number;
  /**
   * Reads at most `maxBytes` and one more of the content; no bytes if the place exists and is empty.
   * Nothing is cached: each read sees what the host has written last.
   */
  read(maxBytes: number, signal?: AbortSignal): Promise<Uint8Array>;
}
