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

/** Through here goes every byte: nobody waits between its read and its write. */
const BUFFER = new Uint8Array(256 * 1024);
const BUFFER_BYTES = BigInt(BUFFER.length);
/** Reads in a row before others get their turn. */
const READS = 4;

const read = requireSymbol(libc.read, "read");
const send = requireSymbol(libc.send, "send");
const shutdown = requireSymbol(libc.shutdown, "shutdown");
const getsockopt = requireSymbol(libc.getsockopt, "getsockopt");

/** A socket, and what the kernel has told about it. */
export class Endpoint {
  /** Of the poller. */
  token = 0;
  /** From its event until a read has found nothing, a write no room. */
  readable = false;
  writable = false;
  /** Its end or an error has been told, and lies behind what is to be read. */
  ending = false;
  /** All that its peer sent was read. */
  ended = false;
  /** Nothing more goes into it. */
  finished = false;
  /** What the kernel had no room for. */
  unsent: Uint8Array | undefined;

  constructor(readonly fd: number) {}

  /** Notes events; they come once for each change (EPOLLET). */
  note(events: number): void {
    const over = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
    if ((events & (EPOLLIN | over)) !== 0) this.readable = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) !== 0) this.writable = true;
    if ((events & over) !== 0) this.ending = true;
  }

  /**
   * After a call that gave -1: whether the connection is gone, or there was just
   * nothing to read or no room. By the kernel's state, for errno gets lost.
   */
  get lost(): boolean {
    const state = new Uint8Array(1);
    const length = Uint8Array.of(1, 0, 0, 0);
    const told = getsockopt(this.fd, IPPROTO_TCP, TCP_INFO, state, length);
    return told === -1 || state[0] === TCP_CLOSE;
  }

  /** Gives the kernel what it takes, and keeps the rest; false if it is lost. */
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

/** How it went: nothing to do until an event, more to do, or one of them lost. */
export type Progress = "rests" | "goes on" | "lost";

/** Moves what can be moved from one to the other, and the end after it. */
export function carry(from: Endpoint, to: Endpoint): Progress {
  for (let reads = 0; reads < READS; reads++) {
    if (to.unsent !== undefined) {
      if (to.writable && !to.put(to.unsent)) return "lost";
      // Still some, or some again.
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
    if (count < BUFFER.length && !from.ending) from.readable = false;
    if (!to.put(BUFFER.subarray(0, count))) return "lost";
  }
  return "goes on";
}
