/**
 * Asks the kernel about connections without waiting: poll(2).
 * @module
 */
import { type Libc, requireSymbol } from "./libc.ts";

/** The bytes of struct pollfd: the descriptor, the events to look for, the events found. */
const ENTRY_BYTES = 8;
const FOUND = 6;
/** The peer has closed its end; found without being looked for. POLLERR, POLLHUP. */
const GONE = 0x008 | 0x010;

/** Returns the descriptors of those connections that their peers have closed. */
export function hungUp(libc: Libc, fds: readonly number[]): number[] {
  if (fds.length === 0) return [];
  const view = new DataView(new ArrayBuffer(fds.length * ENTRY_BYTES));
  for (const [i, fd] of fds.entries()) view.setInt32(i * ENTRY_BYTES, fd, true);
  const entries = new Uint8Array(view.buffer);
  requireSymbol(libc, "poll")(entries, BigInt(fds.length), 0);
  return fds.filter((_, i) =>
    (view.getInt16(i * ENTRY_BYTES + FOUND, true) & GONE) !== 0
  );
}
