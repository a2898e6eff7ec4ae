/**
 * The type of an item of the identity, and random values for items.
 * @module
 */
import { randomId } from "../linux/random.ts";
import type { Guest } from "./guest.ts";

/** What an item did, as fields of its result; or why the guest has no such item. */
export type ItemEffect = Readonly<Record<string, unknown>> | {
  readonly absent: string;
};

/** Renews one item. Rejects if the item still has its former value, as a whole or in part. */
export type RenewItem = (guest: Guest, earlier: Earlier) => Promise<ItemEffect>;

/** The items that an item waits for. */
export interface Earlier {
  /** The new machine-id; undefined if it was not renewed. */
  readonly machineId: Promise<string | undefined>;
}

/** A random UUID of version 4 (RFC 9562, 5.4), as 32 hexadecimal digits. */
export function newUuid(): string {
  const id = randomId();
  const variant = "89ab"[parseInt(id[16], 16) & 3];
  return `${id.slice(0, 12)}4${id.slice(13, 16)}${variant}${id.slice(17)}`;
}

/** The UUID with dashes. */
export function dashed(uuid: string): string {
  return uuid.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** This many random bytes. */
export function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 16) {
    const block = Uint8Array.fromHex(randomId());
    bytes.set(block.subarray(0, count - at), at);
  }
  return bytes;
}
