/**
 * Encodes and decodes the payloads of netlink(7) messages.
 * @module
 */

/** An attribute: its type and its value (struct rtattr, rtnetlink(7)). */
export type Attribute = readonly [type: number, value: Uint8Array];

/** Encodes a payload: a fixed struct and its attributes. */
export function payloadOf(
  struct: Uint8Array,
  attributes: readonly Attribute[] = [],
): Uint8Array {
  const size = attributes.reduce(
    (sum, [, value]) => sum + aligned(4 + value.length),
    aligned(struct.length),
  );
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes.set(struct);
  let at = aligned(struct.length);
  for (const [type, value] of attributes) {
    view.setUint16(at, 4 + value.length, true);
    view.setUint16(at + 2, type, true);
    bytes.set(value, at + 4);
    at += aligned(4 + value.length);
  }
  return bytes;
}

/** Decodes the attributes that follow a struct of `length` bytes. */
export function attributesOf(
  payload: Uint8Array,
  length: number,
): Map<number, Uint8Array> {
  const attributes = new Map<number, Uint8Array>();
  const view = viewOf(payload);
  for (let at = aligned(length); at + 4 <= payload.length;) {
    const size = view.getUint16(at, true);
    if (size < 4) break;
    // the top two bits are flags (NLA_TYPE_MASK)
    const type = view.getUint16(at + 2, true) & 0x3fff;
    attributes.set(type, payload.subarray(at + 4, at + size));
    at += aligned(size);
  }
  return attributes;
}

/** Returns a view of the numbers in these bytes. Netlink uses the byte order of the machine. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Rounds up to a multiple of 4: messages and attributes begin there. */
export function aligned(length: number): number {
  return (length + 3) & ~3;
}
