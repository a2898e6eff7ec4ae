/**
 * The C library of the runtime that runs this test.
 */
import assert from "node:assert/strict";
import { type Libc, loadLibc, requireSymbol } from "../../src/linux/libc.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";

/** The real one. */
export async function realLibc(): Promise<Libc> {
  return loadLibc(await loadRuntime());
}

/** TCP_DEFER_ACCEPT of a socket that listens (tcp(7)), in seconds. */
export function deferSeconds(libc: Libc, fd: number): number {
  const value = new Int32Array(1);
  const bytes = new Uint8Array(value.buffer);
  const length = Uint8Array.of(4, 0, 0, 0);
  assert.equal(
    requireSymbol(libc, "getsockopt")(fd, 6, 9, bytes, length),
    0,
  );
  return value[0];
}
