/**
 * netlink(7): requests to the kernel and its answers, over a socket that
 * node:net cannot open. The kernel answers before `send` returns, so nothing
 * here waits.
 * @module
 */
import { errnoName, failed, type Libc, need, SystemCallError } from "./libc.ts";
import { aligned, viewOf } from "./netlink_bytes.ts";

const AF_NETLINK = 16;
/** SOCK_RAW | SOCK_CLOEXEC, socket(2) */
const SOCK_RAW = 3 | 0o2000000;
/** SOL_SOCKET and SO_RCVTIMEO, asm-generic/socket.h: the last line of defence */
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const TIMEOUT_SECONDS = 2n;

/** Message types, linux/netlink.h */
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const HEADER = 16;
/** The kernel's messages are at most 32 KiB. */
const RECEIVE_BYTES = 65_536;
const RECEIVE_SIZE = BigInt(RECEIVE_BYTES);

/** Flags of a request, linux/netlink.h */
export const NLM_F = {
  REQUEST: 0x1,
  ACK: 0x4,
  DUMP_INTERRUPTED: 0x10,
  /** With a request to list. */
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

/** The conversation with one part of the kernel. */
export class Netlink implements Disposable {
  readonly #libc: Libc;
  readonly #socket: number;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  readonly #received = viewOf(this.#buffer);
  #sequence = 0;

  /** Opens a socket of a protocol, linux/netlink.h; throws where refused. */
  constructor(libc: Libc, protocol: number) {
    this.#libc = libc;
    this.#socket = need(libc.socket, "socket")(AF_NETLINK, SOCK_RAW, protocol);
    if (this.#socket < 0) throw failed(libc, "open", "a netlink socket");
    // struct timeval of the 64-bit machines that Lull runs on
    const timeout = new BigInt64Array([TIMEOUT_SECONDS, 0n]);
    need(libc.setsockopt, "setsockopt")(
      this.#socket,
      SOL_SOCKET,
      SO_RCVTIMEO,
      new Uint8Array(timeout.buffer),
      16,
    );
  }

  [Symbol.dispose](): void {
    need(this.#libc.close, "close")(this.#socket);
  }

  /**
   * Asks for one change. Throws a SystemCallError, whose number is the kernel's
   * answer, where it refuses; `action` and `on` are for its message.
   */
  change(
    request: NetlinkMessage & { readonly flags?: number },
    action: string,
    on: string,
  ): void {
    const { ACK, REQUEST } = NLM_F;
    this.#send(compose(request, REQUEST | ACK | (request.flags ?? 0)));
    for (const { type, payload } of this.#receive()) {
      if (type !== NLMSG_ERROR) continue;
      const errno = errorOf(payload);
      if (errno !== 0) throw new SystemCallError(action, on, errno);
      return;
    }
    throw new Error(`Cannot ${action} ${on}: the kernel's answer is no answer`);
  }

  /** Asks for one thing, which comes in one message. */
  ask(request: NetlinkMessage, what: string): NetlinkMessage {
    this.#send(compose(request, NLM_F.REQUEST));
    const [answer] = this.#receive();
    if (answer === undefined) {
      throw new Error(`Cannot ask for ${what}: the kernel gave no answer`);
    }
    if (answer.type !== NLMSG_ERROR) return answer;
    throw new SystemCallError("ask for", what, errorOf(answer.payload));
  }

  /** Asks for a list. */
  list(request: NetlinkMessage, what: string): NetlinkMessage[] {
    return this.lister(request, what)();
  }

  /**
   * The same for a list that is asked for again, while somebody waits: what asks
   * has nothing left to put together.
   */
  lister(request: NetlinkMessage, what: string): () => NetlinkMessage[] {
    const composed = compose(request, NLM_F.REQUEST | NLM_F.DUMP);
    return () => this.#list(composed, what);
  }

  #list(request: Composed, what: string): NetlinkMessage[] {
    this.#send(request);
    const listed: NetlinkMessage[] = [];
    for (;;) {
      for (const message of this.#receive()) {
        switch (message.type) {
          case NLMSG_ERROR:
          case NLMSG_DONE: {
            const errno = errorOf(message.payload);
            if (errno !== 0) throw new SystemCallError("list", what, errno);
            return listed;
          }
          default:
            listed.push(message);
        }
      }
    }
  }

  #send({ bytes, view, length }: Composed): void {
    view.setUint32(8, ++this.#sequence, true);
    const sent = need(this.#libc.send, "send")(this.#socket, bytes, length, 0);
    if (sent < 0) throw failed(this.#libc, "ask", "the kernel over netlink");
  }

  /** The messages of one datagram that answer the last request. */
  #receive(): NetlinkMessage[] {
    const length = need(this.#libc.recv, "recv")(
      this.#socket,
      this.#buffer,
      RECEIVE_SIZE,
      0,
    );
    if (length < 0) throw failed(this.#libc, "hear", "the kernel over netlink");
    const view = this.#received;
    const messages: NetlinkMessage[] = [];
    for (let at = 0; at + HEADER <= length;) {
      const size = view.getUint32(at, true);
      if (view.getUint32(at + 8, true) === this.#sequence) {
        messages.push({
          type: view.getUint16(at + 4, true),
          payload: this.#buffer.slice(at + HEADER, at + size),
        });
      }
      at += aligned(size);
    }
    return messages;
  }
}

/** A message as it is sent, but for its number. */
interface Composed {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly length: bigint;
}

function compose({ type, payload }: NetlinkMessage, flags: number): Composed {
  const bytes = new Uint8Array(HEADER + payload.length);
  const view = viewOf(bytes);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags, true);
  bytes.set(payload, HEADER);
  return { bytes, view, length: BigInt(bytes.length) };
}

/** The number in an error or the end of a list: 0, or -errno. */
function errorOf(payload: Uint8Array): number {
  if (payload.length < 4) return 0;
  // without a view, which takes longer to make than to read the end of a list
  return -(payload[0] | payload[1] << 8 | payload[2] << 16 | payload[3] << 24);
}

/** Whether the kernel refused with this name of errno(3). */
export function refusedWith(error: unknown, name: string): boolean {
  return error instanceof SystemCallError && errnoName(error.errno) === name;
}
