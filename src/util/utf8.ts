/**
 * Text that callers send. Bytes that are no UTF-8 are refused, and not replaced by U+FFFD: two
 * different inputs would become the same text.
 * @module
 */

/** Decodes bytes without their byte order mark; undefined if they are no UTF-8. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The bytes of a header as they were sent: its text has one character for each byte. */
export function headerBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}
