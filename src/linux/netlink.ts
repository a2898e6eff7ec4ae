/**
 * netlink(7): requests to the kernel and its answers, over a socket that
 * node:net cannot open. The kernel answers before `send` returns, so nothing
 * here waits.
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

/**
 * Takes one that came. The end of the kernel's answer has a number and nothing more:
 * 0, or -errno; it is undefined in what is no end.
 */
type Take = (
  type: number,
  payload: Uint8Array,
  end: number | undefined,
) => void;

const NOTHING = new Uint8Array();

/** The conversation with one part of the kernel. */
export class Netlink implements Disposable {
  readonly #libc: Libc;
  readonly #socket: number;
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  #sequence = 0;

  /** Opens a socket of a protocol, linux/netlink.h; throws where refused. */
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
    let answer: number | undefined;
    this.#receive((type, _, end) => {
      if (type === NLMSG_ERROR) answer ??= end;
    });
    if (answer === undefined) {
      throw new Error(
        `Cannot ${action} ${on}: the kernel's answer is no answer`,
      );
    }
    if (answer !== 0) throw new SystemCallError(action, on, -answer);
  }

  /** Asks for one thing, which comes in one message. */
  ask(request: NetlinkMessage, what: string): NetlinkMessage {
    this.#send(compose(request, NLM_F.REQUEST));
    let answer: NetlinkMessage | undefined;
    this.#receive((type, payload, end) => {
      if (answer !== undefined) return;
      if (end !== undefined) throw new SystemCallError("ask for", what, -end);
      answer = { type, payload };
    });
    if (answer !== undefined) return answer;
    throw new Error(`Cannot ask for ${what}: the kernel gave no answer`);
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
    let end: number | undefined;
    const take: Take = (type, payload, last) => {
      end ??= last;
      if (end === undefined) listed.push({ type, payload });
    };
    while (end === undefined) this.#receive(take);
    if (end !== 0) throw new SystemCallError("list", what, -end);
    return listed;
  }

  #send({ bytes, view, length }: Composed): void {
    view.setUint32(8, ++this.#sequence, true);
    const sent = requireSymbol(this.#libc.send, "send")(
      this.#socket,
      bytes,
      length,
      0,
    );
    if (sent < 0) throw lastError(this.#libc, "ask", "the kernel over netlink");
  }

  /**
   * Gives the messages of one datagram that answer the last request, one by one: to
   * put them together would take longer than to read the one that mostly comes.
   */
  #receive(take: Take): void {
    const length = requireSymbol(this.#libc.recv, "recv")(
      this.#socket,
      this.#buffer,
      RECEIVE_SIZE,
      0,
    );
    if (length < 0) {
      throw lastError(this.#libc, "hear", "the kernel over netlink");
    }
    const bytes = this.#buffer;
    for (let at = 0; at + HEADER <= length;) {
      const size = int32(bytes, at);
      if (int32(bytes, at + 8) === this.#sequence) {
        const type = bytes[at + 4] | bytes[at + 5] << 8;
        if (type === NLMSG_ERROR || type === NLMSG_DONE) {
          take(type, NOTHING, endOf(bytes, at, size));
        } else take(type, bytes.slice(at + HEADER, at + size), undefined);
      }
      at += aligned(size);
    }
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

/** The number in an error or the end of a list. */
function endOf(bytes: Uint8Array, at: number, size: number): number {
  return size < HEADER + 4 ? 0 : int32(bytes, at + HEADER);
}

/** Without a view: mostly a list is empty, and its end is all there is to read. */
function int32(bytes: Uint8Array, at: number): number {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 |
    bytes[at + 3] << 24;
}

/** Whether the kernel refused with this name of errno(3). */
export function hasErrno(error: unknown, name: string): boolean {
  return error instanceof SystemCallError && errnoName(error.errno) === name;
}
