/**
 * A connection, whatever it runs over.
 * @module
 */

/** A connection: bytes in both directions. */
export interface ByteStream {
  /** The bytes of the peer until its end; rejects with the error of the connection. */
  readonly chunks: AsyncIterable<Uint8Array>;
  write(bytes: Uint8Array): void;
  close(): void;
}
