/**
 * One of the two sockets of a relay, and the bytes from one to the other.
 * @module
 */
import { requireSymbol } from "../../../linux/libc.ts";
import {
  IPPROTO_TCP,
  MSG_NOSIGNAL,
  SHUT_WR,
  TCP_INFO,
} from "../../../linux/socket_constants.ts";
import { socketOption } from "../../../linux/socket_option.ts";
import {
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  libc,
} from "./epoll.ts";

/** Its state, the first byte of what TCP_INFO gives; linux/tcp.h. */
const TCP_CLOSE = 7;

/** errno(3) */
const EAGAIN = 11;

/** The buffer of every read. Each read is followed by its write in the same turn. */
const BUFFER = new Uint8Array(256 * 1024);
const BUFFER_BYTES = BigInt(BUFFER.length);
/** Reads of one connection before the other connections get their turn. */
const READS = 4;

const read = requireSymbol(libc, "read");
const send = requireSymbol(libc, "send");
const shutdown = requireSymbol(libc, "shutdown");

/** A socket, and the events that the kernel has reported for it. */
export class Endpoint {
  /** The token of the poller for this socket. */
  token = 0;
  /** True from the event until a read finds nothing, or a write finds no room. */
  readable = false;
  writable = false;
  /** The kernel has reported the end or an error; there may be bytes to read before it. */
  ending = false;
  /** All bytes of its peer have been read. */
  ended = false;
  /** Nothing more is written into it. */
  finished = false;
  /** The bytes that the kernel had no room for. */
  unsent: Uint8Array | undefined;

  /** `count` gets the number of bytes of each read. A unix socket has no TCP_INFO. */
  constructor(
    readonly fd: number,
    readonly count: (bytes: number) => void,
    readonly isUnix = false,
  ) {}

  /** Notes events. The kernel reports each change once (EPOLLET). */
  note(events: number): void {
    const over = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & (EPOLLIN | over)) !== 0) this.readable = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) !== 0) this.writable = true;
    if ((events & over) !== 0) this.ending = true;
  }

  /**
   * Call this after a call that returned -1. True if the connection is gone; false if there was
   * nothing to read, or no room. It reads the kernel's state, because errno is not reliable. For a
   * unix socket, the kernel has also reported the end then.
   */
  get lost(): boolean {
    if (this.isUnix) return this.ending && libc.errno?.() !== EAGAIN;
    const state = socketOption(libc, this.fd, IPPROTO_TCP, TCP_INFO, 1)?.[0];
    return state === undefined || state === TCP_CLOSE;
  }

  /** Writes the bytes, and keeps those that the kernel does not take; false if the connection is gone. */
  put(bytes: Uint8Array): boolean {
    const size = BigInt(bytes.length);
    const count = send(this.fd, bytes, size, MSG_NOSIGNAL);
    if (count === bytes.length) {
      this.unsent = undefined;
      return true;
    }
    if (count === -1 && this.lost) return false;
    this.writable = false;
    this.unsent = bytes.slice(Math.max(count, 0));
    return true;
  }
}

/** The result of a relay: nothing to do until an event, more to do, or a connection is gone. */
export type Progress = "rests" | "goes on" | "lost";

/** Relays all bytes that can be moved from one to the other, and the end after them. */
export function carry(from: Endpoint, to: Endpoint): Progress {
  for (let reads = 0; reads < READS; reads++) {
    if (to.unsent !== undefined) {
      if (to.writable && !to.put(to.unsent)) return "lost";
      // The kernel did not take all of them.
      if (!to.writable) return "rests";
    }
    if (from.ended) {
      if (!to.finished) shutdown(to.fd, SHUT_WR);
      to.finished = true;
      return "rests";
    }
    if (!from.readable || !to.writable) return "rests";
    const count = read(from.fd, BUFFER, BUFFER_BYTES);
    if (count === -1) {
      if (from.lost) return "lost";
      from.readable = false;
      return "rests";
    }
    if (count === 0) {
      from.ended = true;
      continue;
    }
    from.count(count);
    if (count < BUFFER.length && !from.ending) from.readable = false;
    if (!to.put(BUFFER.subarray(0, count))) return "lost";
  }
  return "goes on";
}
