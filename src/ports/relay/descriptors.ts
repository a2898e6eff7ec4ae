/**
 * The descriptors that a worker opens by system calls. The kernel closes descriptors at the end
 * of a process, not at the end of a thread: the worker's owner closes those that the thread has
 * left open.
 * @module
 */

/** Descriptors from this number on are refused: there is one byte for each number below it. */
const MOST = 65_536;

/** Which descriptors a worker has open. Its owner reads the same memory. */
export class Descriptors {
  /** Byte N is 1 while descriptor N is open; in a SharedArrayBuffer. */
  readonly flags: Uint8Array<SharedArrayBuffer>;
  /** The bytes behind the flags, for the worker's own use. */
  readonly more: Uint8Array<SharedArrayBuffer>;

  /** With `more` bytes behind the flags. */
  constructor({ more }: { readonly more: number }) {
    const memory = new SharedArrayBuffer(MOST + more);
    this.flags = new Uint8Array(memory, 0, MOST);
    this.more = new Uint8Array(memory, MOST);
  }

  /** Notes a descriptor that was just opened; false if its number is too high. */
  add(fd: number): boolean {
    if (fd < 0 || fd >= MOST) return false;
    this.flags[fd] = 1;
    return true;
  }

  /** Forgets a descriptor that is still open: once it is closed, its number may be reused. */
  delete(fd: number): void {
    this.flags[fd] = 0;
  }
}
