/**
 * netlink(7): sends requests to the kernel and reads the answers. node:net cannot open such a
 * socket. The kernel answers before `send` returns, so reads never wait.
 * @module
 */
import {
  errnoName,
  lastError,
  type Libc,
  requireSymbol,
  SystemCallError,
} from "./libc.ts";
import { aligned, viewOf } from "./netlink_bytes.ts";
import {
  AF_NETLINK,
  SO_RCVTIMEO,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
} from "./socket_constants.ts";

/** Seconds until a read fails for which the kernel has no answer (SO_RCVTIMEO). */
const TIMEOUT_SECONDS = 2n;

/** Types of messages, linux/netlink.h. */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
/** The size of the receive buffer; the kernel's messages have at most 32 KiB. */
const RECEIVE_BYTES = 65_536;

/** Flags of a request, linux/netlink.h. */
export const NLM_F = {
  REQUEST: 0x1,
  ACK: 0x4,
  DUMP_INTERRUPTED: 0x10,
  /** Requests a list. */
  DUMP: 0x300,
  REPLACE: 0x100,
  EXCL: 0x200,
  CREATE: 0x400,
} as const;

/** A message without its header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** A message of the kernel's answer. */
interface Answer extends NetlinkMessage {
  /** In the message that ends the answer: 0, or -errno if the kernel refuses. */
  readonly end?: number;
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
    this.#socket = requireSymbol(libc.socket, "socket")(
      AF_NETLINK,
      SOCK_RAW | SOCK_CLOEXEC,
      protocol,
    );
    if (this.#socket < 0) throw lastError(libc, "open", "a netlink socket");
    // struct timeval of the 64-bit machines that Lull runs on
    const timeout = new BigInt64Array([TIMEOUT_SECONDS, 0n]);
    requireSymbol(libc.setsockopt, "setsockopt")(
      this.#socket,
      SOL_SOCKET,
      SO_RCVTIMEO,
      new Uint8Array(timeout.buffer),
      16,
    );
  }

  [Symbol.dispose](): void {
    requireSymbol(this.#libc.close, "close")(this.#socket);
  }

  /**
   * Requests a change. If the kernel refuses, throws a SystemCallError with the number of the
   * kernel's answer; `action` and `on` are for its message.
   */
  change(
    request: NetlinkMessage & { readonly flags?: number },
    action: string,
    on: string,
  ): void {
    const { ACK, REQUEST } = NLM_F;
    this.#send(request, REQUEST | ACK | (request.flags ?? 0));
    const answer = this.#receive().find(({ type }) => type === NLMSG_ERROR);
    if (answer?.end === undefined) {
      throw new Error(
        `Cannot ${action} ${on}: the kernel did not confirm the change`,
      );
    }
    if (answer.end !== 0) throw new SystemCallError(action, on, -answer.end);
  }

  /** Requests an object and returns the message with it. */
  ask(request: NetlinkMessage, what: string): NetlinkMessage {
    this.#send(request, NLM_F.REQUEST);
    const answer = this.#receive()[0];
    if (answer === undefined) {
      throw new Error(`Cannot ask for ${what}: the kernel gave no answer`);
    }
    const { end } = answer;
    if (end !== undefined) throw new SystemCallError("ask for", what, -end);
    return answer;
  }

  /** Requests a list, which the kernel sends in one or more datagrams. */
  list(request: NetlinkMessage, what: string): NetlinkMessage[] {
    this.#send(request, NLM_F.REQUEST | NLM_F.DUMP);
    const listed: NetlinkMessage[] = [];
    for (;;) {
      for (const answer of this.#receive()) {
        const { end } = answer;
        if (end === 0) return listed;
        if (end !== undefined) throw new SystemCallError("list", what, -end);
        listed.push(answer);
      }
    }
  }

  #send({ type, payload }: NetlinkMessage, flags: number): void {
    const bytes = new Uint8Array(HEADER + payload.length);
    const view = viewOf(bytes);
    view.setUint32(0, bytes.length, true);
    view.setUint16(4, type, true);
    view.setUint16(6, flags, true);
    view.setUint32(8, ++this.#sequence, true);
    bytes.set(payload, HEADER);
    const send = requireSymbol(this.#libc.send, "send");
    if (send(this.#socket, bytes, BigInt(bytes.length), 0) < 0) {
      throw lastError(this.#libc, "ask", "the kernel over netlink");
    }
  }

  /** Reads one datagram; returns its messages that answer the last request. */
  #receive(): Answer[] {
    const length = requireSymbol(this.#libc.recv, "recv")(
      this.#socket,
      this.#buffer,
      BigInt(RECEIVE_BYTES),
      0,
    );
    if (length < 0) {
      throw lastError(this.#libc, "read from", "the kernel over netlink");
    }
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

/** Whether the error is a SystemCallError with this name of errno(3). */
export function hasErrno(error: unknown, name: string): boolean {
  return error instanceof SystemCallError && errnoName(error.errno) === name;
}
