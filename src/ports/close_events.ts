/**
 * Tells when a TCP socket that listened is closed, where the kernel cannot tell more: by the
 * destroy groups of sock_diag(7), Linux 4.3. A filter in the kernel drops what it tells about
 * connections, so that they do not wake this process.
 * @module
 */
import { checked, type Libc, requireSymbol } from "../linux/libc.ts";
import { NativeMemory } from "../linux/native_memory.ts";
import {
  AF_NETLINK,
  SO_ATTACH_FILTER,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
} from "../linux/socket_constants.ts";
import { setSocketOption } from "../linux/socket_option.ts";
import type { DescriptorWatch } from "../runtime/types.ts";
import type { ListenReports, ListenReportsOptions } from "./listen_reports.ts";

const NETLINK_SOCK_DIAG = 4;
/** SKNLGRP_INET_TCP_DESTROY and SKNLGRP_INET6_TCP_DESTROY (linux/sock_diag.h), as bits. */
const GROUPS = 1 << 0 | 1 << 2;
/** The port of the peer in a message: struct nlmsghdr, then struct inet_diag_msg. */
const PEER_PORT = 16 + 6;
/** A type of message that sock_diag does not know: it answers with an error. */
const UNKNOWN_TYPE = 16;
const NLM_F_REQUEST = 1;

/** A classic BPF instruction (linux/filter.h): code, jumps, value. */
type Instruction = readonly [number, number, number, number];
const LOAD_16 = 0x28;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const DROP: readonly Instruction[] = [[RETURN, 0, 0, 0]];
const PASS: readonly Instruction[] = [[RETURN, 0, 0, 0xffff_ffff]];
/** Only sockets without a peer: those that have listened. */
const LISTENERS: readonly Instruction[] = [
  [LOAD_16, 0, 0, PEER_PORT],
  [JUMP_IF_EQUAL, 0, 1, 0],
  ...PASS,
  ...DROP,
];

/** Tells about closed listeners between `start` and `pause`. */
export class CloseEvents implements ListenReports {
  /** A new listener is not told. */
  readonly isComplete = false;
  readonly #libc: Libc;
  readonly #onEvent: () => void;
  readonly #watch: DescriptorWatch;
  #running = false;
  #disposed = false;

  /** Throws if the kernel cannot do that. */
  constructor(options: ListenReportsOptions) {
    const { libc, runtime } = options;
    this.#libc = libc;
    this.#onEvent = options.onEvent;
    this.#watch = runtime.watchDescriptor((nonBlocking) =>
      openGroups(libc, nonBlocking)
    );
    this.#run().catch(options.onError);
  }

  /** Starts to tell. A scan is needed: changes since `pause` are not known. */
  start(): boolean {
    this.#running = true;
    setFilter(this.#libc, this.#watch.fd, LISTENERS);
    return true;
  }

  /** Tells nothing, and does not wake this process. */
  pause(): void {
    this.#running = false;
    setFilter(this.#libc, this.#watch.fd, DROP);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#running = false;
    // The answer to this message ends the read that is under way; then everything is closed.
    const { fd } = this.#watch;
    setFilter(this.#libc, fd, PASS);
    const message = new DataView(new ArrayBuffer(16));
    message.setUint32(0, 16, true);
    message.setUint16(4, UNKNOWN_TYPE, true);
    message.setUint16(6, NLM_F_REQUEST, true);
    const bytes = new Uint8Array(message.buffer);
    requireSymbol(this.#libc, "send")(fd, bytes, 16n, 0);
  }

  async #run(): Promise<void> {
    try {
      while (!this.#disposed) {
        // An error says that the kernel had no room for a message: something was closed.
        await this.#watch.next().catch(() => {});
        if (this.#running) this.#onEvent();
      }
    } finally {
      this.#watch.end();
      requireSymbol(this.#libc, "close")(this.#watch.fd);
    }
  }
}

function openGroups(libc: Libc, nonBlocking: boolean): number {
  const type = SOCK_RAW | SOCK_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0);
  const socket = requireSymbol(libc, "socket");
  const fd = socket(AF_NETLINK, type, NETLINK_SOCK_DIAG);
  checked(libc, fd, "open", "a netlink socket");
  try {
    setFilter(libc, fd, DROP);
    const address = new Uint8Array(12); // struct sockaddr_nl
    address[0] = AF_NETLINK;
    address[8] = GROUPS;
    const bound = requireSymbol(libc, "bind")(fd, address, address.length);
    checked(libc, bound, "join", "the groups of closed sockets");
    return fd;
  } catch (error) {
    requireSymbol(libc, "close")(fd);
    throw error;
  }
}

/** Replaces the filter of a socket: a struct sock_fprog, which has the address of the program. */
function setFilter(
  libc: Libc,
  fd: number,
  program: readonly Instruction[],
): void {
  using memory = new NativeMemory(libc, program.length * 8);
  const code = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(([operation, ifTrue, ifFalse, value], index) => {
    code.setUint16(index * 8, operation, true);
    code.setUint8(index * 8 + 2, ifTrue);
    code.setUint8(index * 8 + 3, ifFalse);
    code.setUint32(index * 8 + 4, value, true);
  });
  const filter = new DataView(new ArrayBuffer(16));
  filter.setUint16(0, program.length, true);
  const address = memory.write(0, new Uint8Array(code.buffer));
  filter.setBigUint64(8, address, true);
  const bytes = new Uint8Array(filter.buffer);
  if (!setSocketOption(libc, fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes)) {
    throw new Error("Cannot filter the kernel's messages about sockets");
  }
}
