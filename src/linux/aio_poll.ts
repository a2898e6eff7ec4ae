/**
 * Makes an eventfd(2) readable when another descriptor is: io_submit(2) with IOCB_CMD_POLL (Linux
 * 4.18). The runtimes can wait for an eventfd; they cannot wait for a descriptor that has no read(2),
 * such as a ring of a BPF program.
 * @module
 */
import { checked, type Libc, requireSymbol } from "./libc.ts";
import { NativeMemory } from "./native_memory.ts";
import { SOCK_CLOEXEC, SOCK_NONBLOCK } from "./socket_constants.ts";

/** The numbers of the system calls, asm/unistd_64.h and asm-generic/unistd.h. */
const NUMBERS = {
  x64: { setup: 206n, destroy: 207n, getEvents: 208n, submit: 209n },
  arm64: { setup: 0n, destroy: 1n, getEvents: 4n, submit: 2n },
} as const;

/** The offsets of the fields of struct iocb, linux/aio_abi.h. */
const OPCODE = 16;
const DESCRIPTOR = 20;
/** The events to poll for. */
const BUFFER = 24;
const FLAGS = 56;
const EVENT_DESCRIPTOR = 60;
const IOCB_CMD_POLL = 5;
const IOCB_FLAG_RESFD = 1;
const POLLIN = 1n;

/** The layout of the memory: the request of 64 bytes, a pointer to it, the context, one struct io_event. */
const POINTER = 64;
const CONTEXT = 72;
const EVENT = 80;
const BYTES = 112;
/** The largest number of requests; there is one at a time. */
const REQUESTS = 1n;

/** Makes an eventfd. */
export function openEventfd(libc: Libc, nonBlocking: boolean): number {
  const flags = SOCK_CLOEXEC | (nonBlocking ? SOCK_NONBLOCK : 0);
  const fd = requireSymbol(libc, "eventfd")(0, flags);
  return checked(libc, fd, "make", "an eventfd");
}

/** Polls one descriptor. Each `arm` gives one event. */
export class AioPoll implements Disposable {
  readonly #libc: Libc;
  readonly #memory: NativeMemory;
  readonly #context: bigint;

  /** Throws if the kernel refuses. */
  constructor(libc: Libc, fd: number, eventfd: number) {
    this.#libc = libc;
    this.#memory = new NativeMemory(libc, BYTES);
    try {
      const { address } = this.#memory;
      this.#call("setup", "prepare", REQUESTS, address + BigInt(CONTEXT));
      const context = new BigUint64Array(1);
      this.#memory.read(CONTEXT, new Uint8Array(context.buffer));
      this.#context = context[0];
      const request = new DataView(new ArrayBuffer(POINTER + 8));
      request.setUint16(OPCODE, IOCB_CMD_POLL, true);
      request.setUint32(DESCRIPTOR, fd, true);
      request.setBigUint64(BUFFER, POLLIN, true);
      request.setUint32(FLAGS, IOCB_FLAG_RESFD, true);
      request.setUint32(EVENT_DESCRIPTOR, eventfd, true);
      request.setBigUint64(POINTER, address, true);
      this.#memory.write(0, new Uint8Array(request.buffer));
    } catch (error) {
      this.#memory[Symbol.dispose]();
      throw error;
    }
  }

  /** Waits for the descriptor once. The eventfd becomes readable at once if the descriptor is. */
  arm(): void {
    const { address } = this.#memory;
    // Removes the result of the last wait, for which the kernel keeps a place.
    this.#call(
      ...["getEvents", "read", this.#context, 0n, REQUESTS] as const,
      address + BigInt(EVENT),
    );
    const pointer = address + BigInt(POINTER);
    this.#call("submit", "start", this.#context, 1n, pointer);
  }

  /** Ends a wait that is under way. */
  [Symbol.dispose](): void {
    this.#call("destroy", "end", this.#context);
    this.#memory[Symbol.dispose]();
  }

  #call(
    name: keyof typeof NUMBERS.x64,
    action: string,
    first: bigint,
    second = 0n,
    third = 0n,
    fourth = 0n,
  ): void {
    const syscall = requireSymbol(this.#libc, "syscall");
    const number = NUMBERS[this.#libc.arch ?? "x64"][name];
    const result = syscall(number, first, second, third, fourth, 0n);
    checked(this.#libc, result, action, "a poll (io_submit)");
  }
}
