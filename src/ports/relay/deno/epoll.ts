/**
 * Waits for many sockets at once: epoll(7), edge-triggered.
 * @module
 */
import {
  checked,
  type Libc,
  loadLibc,
  requireSymbol,
} from "../../../linux/libc.ts";
import {
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../../../linux/socket_constants.ts";
import { openLibrary } from "../../../runtime/deno/library.ts";
import { Descriptors, type Kind } from "../descriptors.ts";

// sys/epoll.h
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLRDHUP = 0x2000;
const EPOLLET = 0x8000_0000;
const EPOLL_CTL_ADD = 1;
/** The same value in fcntl.h, sys/epoll.h, sys/socket.h and sys/eventfd.h. */
const CLOEXEC = SOCK_CLOEXEC;
/** The flags of each socket here. */
export const SOCK_FLAGS = SOCK_NONBLOCK | SOCK_CLOEXEC;

/** The C library of this thread. */
export const libc: Libc = loadLibc({ openLibrary });

/** struct epoll_event is packed on x86-64 alone. */
const [EVENT_BYTES, TOKEN_OFFSET] = libc.arch === "x64" ? [12, 4] : [16, 8];
const MOST_EVENTS = 256;
/**
 * The longest wait, in milliseconds. Every event ends a wait at once, and so does the owner of this
 * thread; this limit only bounds a wait that nothing ends.
 */
const WAIT_MS = 60_000;
/** Rounds before a turn of the event loop, in which commands arrive. */
const ROUNDS = 16;

/**
 * The descriptors that this thread has open. The events are in the same memory: if the thread ends
 * during a wait, the kernel may still write to them, and the owner keeps this memory alive.
 */
export const descriptors = Descriptors.create(EVENT_BYTES * MOST_EVENTS);
const events = descriptors.events as Uint8Array as Uint8Array<ArrayBuffer>;
const view = new DataView(events.buffer, events.byteOffset);

/** A wait on a thread of Deno's pool, so that the event loop continues. */
const waiting = Deno.dlopen("libc.so.6", { // there is no Deno for musl
  epoll_wait: {
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
}).symbols;
const epollWait = requireSymbol(libc, "epoll_wait");
const epollCtl = requireSymbol(libc, "epoll_ctl");

/** Gets the events of its descriptor: EPOLLIN and so on. */
export type Watcher = (events: number) => void;

/** Watches descriptors. It has two descriptors of its own while it watches one. */
export class Poller {
  readonly #watchers = new Map<number, Watcher>();
  #lastToken = 0;
  #next: (() => void)[] = [];
  #epoll = -1;
  /** An eventfd(2), which ends the wait when the last watcher is removed. */
  #bell = -1;
  #running: Promise<void> = Promise.resolve();

  /** Resolves when no wait is under way, and the two descriptors are closed. */
  get ended(): Promise<void> {
    return this.#running;
  }

  /**
   * Watches the descriptor for input, room for output, and its end, until `forget`. When the
   * descriptor is closed, the kernel removes it from its list. Throws if the kernel has no room.
   */
  watch(fd: number, watcher: Watcher): number {
    const idle = this.#epoll === -1;
    if (idle) this.#open();
    const token = ++this.#lastToken;
    this.#watchers.set(token, watcher);
    try {
      addTo(this.#epoll, fd, token);
      return token;
    } catch (error) {
      this.forget(token);
      throw error;
    } finally {
      if (idle) this.#running = this.#run();
    }
  }

  /** Removes a watcher; it gets no event any more. */
  forget(token: number): void {
    if (!this.#watchers.delete(token) || this.#watchers.size > 0) return;
    requireSymbol(libc, "eventfd_write")(this.#bell, 1n);
  }

  /** Calls the action in the next round, after the other connections had their turn. */
  soon(action: () => void): void {
    this.#next.push(action);
  }

  #open(): void {
    const epoll = own(
      requireSymbol(libc, "epoll_create1")(CLOEXEC),
      "make",
      "an epoll",
      "epoll",
    );
    let bell: number | undefined;
    try {
      bell = own(
        requireSymbol(libc, "eventfd")(0, CLOEXEC),
        "make",
        "an eventfd",
        "bell",
      );
      addTo(epoll, bell, 0);
    } catch (error) {
      if (bell !== undefined) disown(bell);
      disown(epoll);
      throw error;
    }
    this.#bell = bell;
    this.#epoll = epoll;
  }

  async #run(): Promise<void> {
    while (this.#watchers.size > 0) {
      const ms = this.#next.length > 0 ? 0 : WAIT_MS;
      descriptors.beginWait();
      const count = await waiting.epoll_wait(
        this.#epoll,
        events,
        MOST_EVENTS,
        ms,
      );
      descriptors.endWait();
      this.#dispatch(count);
      for (let round = 0; round < ROUNDS; round++) {
        const count = epollWait(this.#epoll, events, MOST_EVENTS, 0);
        if (count <= 0 && this.#next.length === 0) break;
        this.#dispatch(count);
      }
    }
    disown(this.#bell);
    disown(this.#epoll);
    this.#epoll = -1;
  }

  /** Calls the watchers of the first `count` events. -1 means that a signal has ended the wait. */
  #dispatch(count: number): void {
    const next = this.#next;
    this.#next = [];
    for (const action of next) action();
    for (let i = 0; i < count; i++) {
      const at = i * EVENT_BYTES;
      const token = view.getUint32(at + TOKEN_OFFSET, true);
      this.#watchers.get(token)?.(view.getUint32(at, true));
    }
  }
}

/** Notes the descriptor that a call returned. If its number is too high, closes it and throws. */
export function own(
  fd: number,
  call: string,
  on: string,
  kind: Kind = "socket",
): number {
  checked(libc, fd, call, on);
  if (descriptors.add(fd, kind)) return fd;
  close(fd);
  throw new Error(`Cannot ${call} ${on}: descriptor ${fd} is too high`);
}

/** Opens a non-blocking TCP socket. */
export function openSocket(family: number, call: string, on: string): number {
  const socket = requireSymbol(libc, "socket");
  return own(socket(family, SOCK_STREAM | SOCK_FLAGS, 0), call, on);
}

/** Closes a descriptor of {@linkcode own}. */
export function disown(fd: number): void {
  descriptors.delete(fd);
  close(fd);
}

const close = requireSymbol(libc, "close");
const EVENT = new Uint8Array(EVENT_BYTES);

function addTo(epoll: number, fd: number, token: number): void {
  const event = new DataView(EVENT.buffer);
  event.setUint32(0, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, true);
  event.setUint32(TOKEN_OFFSET, token, true);
  const result = epollCtl(epoll, EPOLL_CTL_ADD, fd, EVENT);
  checked(libc, result, "watch", `descriptor ${fd}`);
}
