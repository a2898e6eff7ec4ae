/**
 * Tells when any TCP socket of this machine begins or ends to listen, so that no timer has to look. A
 * small program in the kernel runs at the tracepoint inet_sock_set_state (Linux 5.8). It does not wake
 * this process for connections.
 * @module
 */
import {
  createMap,
  loadProgram,
  MapWriter,
  openRawTracepoint,
  u64,
} from "../linux/bpf.ts";
import {
  BpfProgram,
  MAP_LOOKUP_ELEM,
  R0,
  R1,
  R2,
  R3,
  R4,
  RINGBUF_OUTPUT,
  STACK,
} from "../linux/bpf_program.ts";
import { AioPoll, openEventfd } from "../linux/aio_poll.ts";
import { type Libc, requireSymbol } from "../linux/libc.ts";
import { NativeMemory } from "../linux/native_memory.ts";
import { pageBytes } from "../linux/page_size.ts";
import type { DescriptorWatch } from "../runtime/types.ts";
import type { ListenReports, ListenReportsOptions } from "./listen_reports.ts";

/** The arguments of the tracepoint after the socket (trace/events/sock.h): its states. */
const OLD_STATE = 8;
const NEW_STATE = 16;
const TCP_LISTEN = 10;
/** The state of each new connection: the kernel makes it as a copy of the socket that listens. */
const TCP_SYN_RECV = 3;
/** A flag of bpf_ringbuf_output: keep the record, wake nothing. */
const BPF_RB_NO_WAKEUP = 1n;

/** Tells about changes between `start` and `pause`. */
export class ListenEvents implements ListenReports {
  /** Every change is told. */
  readonly isComplete = true;
  readonly #libc: Libc;
  readonly #onEvent: () => void;
  readonly #descriptors: number[] = [];
  readonly #mappings: Disposable[] = [];
  readonly #watch: DescriptorWatch;
  readonly #poll: AioPoll;
  readonly #flags: MapWriter;
  /** The first pages of the ring: what was read, and what the kernel has written. */
  readonly #consumed: NativeMemory;
  readonly #produced: NativeMemory;
  #running = false;
  #disposed = false;

  /** Throws if the kernel cannot do that, or this process may not. */
  constructor(options: ListenReportsOptions) {
    const { libc, runtime } = options;
    this.#libc = libc;
    this.#onEvent = options.onEvent;
    try {
      const size = pageBytes();
      const ring = this.#keep(createMap(libc, {
        ...{ type: "ring", keyBytes: 0, valueBytes: 0, entries: size },
      }));
      const flags = this.#keep(createMap(libc, {
        ...{ type: "array", keyBytes: 4, valueBytes: 8, entries: 1 },
      }));
      this.#flags = this.#map(new MapWriter(libc, flags, 8));
      this.#flags.set(0, u64(BPF_RB_NO_WAKEUP));
      const part = { fd: ring, offset: 0, writable: true };
      this.#consumed = this.#map(new NativeMemory(libc, size, part));
      this.#produced = this.#map(
        new NativeMemory(libc, size, {
          ...part,
          offset: size,
          writable: false,
        }),
      );
      const code = report(ring, flags);
      const program = this.#keep(loadProgram(libc, "rawTracepoint", code));
      this.#keep(openRawTracepoint(libc, "inet_sock_set_state", program));
      this.#watch = runtime.watchDescriptor((nonBlocking) =>
        this.#keep(openEventfd(libc, nonBlocking))
      );
      this.#poll = this.#map(new AioPoll(libc, ring, this.#watch.fd));
      this.#poll.arm();
    } catch (error) {
      this.#free();
      throw error;
    }
    this.#run().catch(options.onError);
  }

  /** Starts to tell. True if something has changed since `pause`. */
  start(): boolean {
    this.#running = true;
    this.#flags.set(0, u64(0n));
    return this.#consume();
  }

  /** Tells nothing, and does not wake this process. */
  pause(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#flags.set(0, u64(BPF_RB_NO_WAKEUP));
    this.#consume();
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#running = false;
    // Ends the read that is under way; then everything is closed.
    requireSymbol(this.#libc, "eventfd_write")(this.#watch.fd, 1n);
  }

  async #run(): Promise<void> {
    try {
      while (!this.#disposed) {
        await this.#watch.next();
        if (this.#disposed) break;
        // Records that are read later would end the next wait at once.
        const changed = this.#consume();
        this.#poll.arm();
        if (this.#running && changed) this.#onEvent();
      }
    } finally {
      this.#watch.end();
      this.#free();
    }
  }

  /** Empties the ring; true if it had records. What they say is read from the kernel's tables. */
  #consume(): boolean {
    const position = this.#produced.read(0, new Uint8Array(8));
    const last = this.#consumed.read(0, new Uint8Array(8));
    if (position.every((byte, index) => byte === last[index])) return false;
    this.#consumed.write(0, position);
    return true;
  }

  #keep(fd: number): number {
    this.#descriptors.push(fd);
    return fd;
  }

  #map<T extends Disposable>(mapping: T): T {
    this.#mappings.push(mapping);
    return mapping;
  }

  #free(): void {
    for (const mapping of this.#mappings.splice(0).reverse()) {
      mapping[Symbol.dispose]();
    }
    for (const fd of this.#descriptors.splice(0).reverse()) {
      requireSymbol(this.#libc, "close")(fd);
    }
  }
}

/** The program: writes a record if a socket begins or ends to listen. */
function report(ring: number, flags: number): Uint8Array {
  return new BpfProgram()
    .load("u64", R2, R1, NEW_STATE)
    .ifEqual(R2, TCP_LISTEN, "report")
    .ifEqual(R2, TCP_SYN_RECV, "end")
    .load("u64", R2, R1, OLD_STATE)
    .ifNotEqual(R2, TCP_LISTEN, "end")
    .label("report")
    .store64(STACK, -8, 0)
    .loadMap(R1, flags)
    .copy(R2, STACK).add(R2, -8)
    .call(MAP_LOOKUP_ELEM)
    .ifNull(R0, "end")
    .load("u64", R4, R0, 0)
    .loadMap(R1, ring)
    .copy(R2, STACK).add(R2, -8)
    .set(R3, 8)
    .call(RINGBUF_OUTPUT)
    .label("end")
    .set(R0, 0)
    .exit()
    .assemble();
}
