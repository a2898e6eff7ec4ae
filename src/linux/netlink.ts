/**
 * netlink(7): sends requests to the kernel and reads the answers. node:net cannot open such a
 * socket. The kernel answers before `send` returns, so reads never wait.
 * @module
 */
import { checked, type Libc, requireSymbol, SystemCallError } from "./libc.ts";
import { aligned, viewOf } from "./netlink_bytes.ts";
import {
  AF_NETLINK,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
} from "./socket_constants.ts";
import { setSocketOption, timeval } from "./socket_option.ts";

/** Seconds until a read fails for which the kernel has no answer (SO_RCVTIMEO). */
const TIMEOUT_SECONDS = 2n;

/** Types of messages, linux/netlink.h. */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
/** The size of the receive buffer; the kernel's messages have at most 32 KiB. */
const RECEIVE_BYTES = 65_536;

/** Flags of a request, linux/netlink.h. NLM_F_DUMP requests a list. */
const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLM_F_DUMP = 0x300;
/** NLM_F_CREATE and NLM_F_REPLACE: makes the object, or replaces the one that exists. */
export const CREATE_OR_REPLACE = 0x500;

/** A request for a change, without its header. */
export interface NetlinkChange {
  readonly type: number;
  readonly payload: Uint8Array;
  readonly flags?: number;
}

/** A message of the kernel's answer, without its header. */
interface Answer {
  readonly type: number;
  readonly payload: Uint8Array;
  /** In the message that ends the answer: 0, or -errno if the kernel refuses. */
  readonly end: number | undefined;
}

/** A netlink socket: sends requests to one part of the kernel and reads the answers. */
export class Netlink implements Disposable {
  readonly #libc: Libc;
  readonly #socket: number;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  #sequence = 0;

  /** Opens a socket for a protocol of linux/netlink.h. Throws if the kernel refuses. */
  constructor(libc: Libc, protocol: number) {
    this.#libc = libc;
    const type = SOCK_RAW | SOCK_CLOEXEC;
    const socket = requireSymbol(libc, "socket")(AF_NETLINK, type, protocol);
    this.#socket = checked(libc, socket, "open", "a netlink socket");
    const timeout = timeval(TIMEOUT_SECONDS);
    setSocketOption(libc, socket, SOL_SOCKET, SO_RCVTIMEO, timeout);
  }

  [Symbol.dispose](): void {
    requireSymbol(this.#libc, "close")(this.#socket);
  }

  /**
   * Requests a change. If the kernel refuses, throws a SystemCallError with the number of the
   * kernel's answer; `action` and `on` are for its message.
   */
  change(change: NetlinkChange, action: string, on: string): void {
    const { type, payload, flags = 0 } = change;
    this.#send(type, payload, NLM_F_ACK | flags);
    const answer = this.#receive().find(({ type }) => type === NLMSG_ERROR);
    if (answer?.end === undefined) {
      throw new Error(
        `Cannot ${action} ${on}: the kernel did not confirm the change`,
      );
    }
    if (answer.end !== 0) throw new SystemCallError(action, on, -answer.end);
  }

  /** Requests an object and returns the message with it. */
  ask(type: number, payload: Uint8Array, what: string): Omit<Answer, "end"> {
    this.#send(type, payload);
    const answer = this.#receive()[0];
    if (answer === undefined) {
      throw new Error(`Cannot ask for ${what}: the kernel gave no answer`);
    }
    const { end } = answer;
    if (end !== undefined) throw new SystemCallError("ask for", what, -end);
    return answer;
  }

  /**
   * Requests a list, which the kernel sends in one or more datagrams. Returns the payloads of its
   * messages.
   */
  list(type: number, payload: Uint8Array, what: string): Uint8Array[] {
    this.#send(type, payload, NLM_F_DUMP);
    const listed: Uint8Array[] = [];
    for (;;) {
      for (const { payload, end } of this.#receive()) {
        if (end === 0) return listed;
        if (end !== undefined) throw new SystemCallError("list", what, -end);
        listed.push(payload);
      }
    }
  }

  #send(type: number, payload: Uint8Array, flags = 0): void {
    const bytes = new Uint8Array(HEADER + payload.length);
    const view = viewOf(bytes);
    view.setUint32(0, bytes.length, true);
    view.setUint16(4, type, true);
    view.setUint16(6, NLM_F_REQUEST | flags, true);
    view.setUint32(8, ++this.#sequence, true);
    bytes.set(payload, HEADER);
    const send = requireSymbol(this.#libc, "send");
    const sent = send(this.#socket, bytes, BigInt(bytes.length), 0);
    checked(this.#libc, sent, "ask", "the kernel over netlink");
  }

  /** Reads one datagram; returns its messages that answer the last request. */
  #receive(): Answer[] {
    const recv = requireSymbol(this.#libc, "recv");
    const size = BigInt(RECEIVE_BYTES);
    const length = recv(this.#socket, this.#buffer, size, 0);
    checked(this.#libc, length, "read from", "the kernel over netlink");
    const view = viewOf(this.#buffer);
    const answers: Answer[] = [];
    for (let at = 0; at + HEADER <= length;) {
      const size = view.getUint32(at, true);
      if (view.getUint32(at + 8, true) === this.#sequence) {
        const type = view.getUint16(at + 4, true);
        const payload = this.#buffer.slice(at + HEADER, at + size);
        answers.push({ type, payload, end: endOf(type, payload) });
      }
      at += aligned(size);
    }
    return answers;
  }
}

/** The number in the message that ends an answer; undefined for any other message. */
function endOf(type: number, payload: Uint8Array): number | undefined {
  if (type !== NLMSG_ERROR && type !== NLMSG_DONE) return undefined;
  return payload.length < 4 ? 0 : viewOf(payload).getInt32(0, true);
}
