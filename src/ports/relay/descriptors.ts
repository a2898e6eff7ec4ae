/**
 * The descriptors that a worker opens by system calls, in memory that it shares with its owner. The
 * kernel closes descriptors at the end of a process, not at the end of a thread: the owner closes those
 * that the thread has left open (left_descriptors.ts).
 * @module
 */

/** Descriptors from this number on are refused: there is one byte for each number below it. */
const MOST = 65_536;
/** The byte behind the flags is 1 during a wait; the events begin at a multiple of their size. */
const WAIT_BYTES = 8;
const WORD_BYTES = 4;

/**
 * What a descriptor is: a socket, the epoll(7) for which a thread of the runtime's pool waits, or
 * the eventfd(2) that ends this wait.
 */
export type Kind = "socket" | "epoll" | "bell";

/** Kind N is N + 1 in the memory; 0 is no descriptor. */
const KINDS: readonly Kind[] = ["socket", "epoll", "bell"];

/** Which descriptors a worker has open, and whether another thread waits for one of them. */
export class Descriptors {
  readonly memory: SharedArrayBuffer;
  /** The memory to which the kernel writes the events of a wait: struct epoll_event. */
  readonly events: Uint8Array<SharedArrayBuffer>;
  readonly #kinds: Uint8Array<SharedArrayBuffer>;
  readonly #wait: Uint8Array<SharedArrayBuffer>;
  /** That of the first event, which is never 0: struct epoll_event begins with what has happened. */
  readonly #firstWord: Uint8Array<SharedArrayBuffer>;

  /** In the memory that {@linkcode create} has made: the owner sees what the worker notes. */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#kinds = new Uint8Array(memory, 0, MOST);
    this.#wait = new Uint8Array(memory, MOST, 1);
    this.events = new Uint8Array(memory, MOST + WAIT_BYTES);
    this.#firstWord = this.events.subarray(0, WORD_BYTES);
  }

  /** With room for that many bytes of events. */
  static create(eventBytes: number): Descriptors {
    return new Descriptors(
      new SharedArrayBuffer(MOST + WAIT_BYTES + eventBytes),
    );
  }

  /** Notes a descriptor that was just opened; false if its number is too high. */
  add(fd: number, kind: Kind): boolean {
    if (fd < 0 || fd >= MOST) return false;
    this.#kinds[fd] = KINDS.indexOf(kind) + 1;
    return true;
  }

  /** Forgets a descriptor that is still open: once it is closed, its number may be reused. */
  delete(fd: number): void {
    this.#kinds[fd] = 0;
  }

  /** Those that are open: sockets first. */
  open(): { readonly fd: number; readonly kind: Kind }[] {
    return KINDS.flatMap((kind, index) => {
      const found: { fd: number; kind: Kind }[] = [];
      const next = (from: number) => this.#kinds.indexOf(index + 1, from);
      for (let fd = next(0); fd !== -1; fd = next(fd + 1)) {
        found.push({ fd, kind });
      }
      return found;
    });
  }

  /** Must be called before a wait that another thread does. */
  beginWait(): void {
    this.#firstWord.fill(0);
    this.#wait[0] = 1;
  }

  /** Must be called after that wait. */
  endWait(): void {
    this.#wait[0] = 0;
  }

  /**
   * Whether the other thread still waits, or has not yet begun to. The owner cannot see the end of
   * a wait without events, if the worker ends at this moment.
   */
  get isWaiting(): boolean {
    return this.#wait[0] === 1 && this.#firstWord.every((byte) => byte === 0);
  }
}
