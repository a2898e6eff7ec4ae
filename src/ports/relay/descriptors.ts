/**
 * Descriptors that a worker opens by system calls of its own. The kernel takes
 * descriptors back at the end of a process, not of a thread: whoever ends the
 * thread closes what it has left.
 * @module
 */

/** Higher numbers are refused: a flag each is kept for all. */
const MOST = 65_536;

/** Which descriptors a worker has open; its owner sees the same memory. */
export class Descriptors {
  readonly memory: SharedArrayBuffer;
  readonly #open: Uint8Array;

  /** Of a worker, with so many bytes more for it; or of its owner. */
  constructor(of: { readonly more: number } | SharedArrayBuffer) {
    this.memory = "more" in of ? new SharedArrayBuffer(MOST + of.more) : of;
    this.#open = new Uint8Array(this.memory, 0, MOST);
  }

  /** What was asked for beyond the flags. */
  get more(): Uint8Array<SharedArrayBuffer> {
    return new Uint8Array(this.memory, MOST);
  }

  /** Notes one that was just opened; false where there is no room to. */
  add(fd: number): boolean {
    if (fd < 0 || fd >= MOST) return false;
    this.#open[fd] = 1;
    return true;
  }

  /** Forgets one that is still open: once closed, its number may be another's. */
  delete(fd: number): void {
    this.#open[fd] = 0;
  }

  /** Takes all that are noted. */
  drain(): number[] {
    const left: number[] = [];
    for (let fd = this.#open.indexOf(1); fd !== -1;) {
      this.#open[fd] = 0;
      left.push(fd);
      fd = this.#open.indexOf(1, fd);
    }
    return left;
  }
}
