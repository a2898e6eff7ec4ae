/**
 * Loads programs into the kernel and shares memory with them: bpf(2). Needs root, or CAP_BPF,
 * CAP_NET_ADMIN and CAP_PERFMON. All objects are descriptors: the kernel removes an object when its
 * last descriptor is closed, also at the end of the process.
 * @module
 */
import { checked, type Libc, requireSymbol } from "./libc.ts";
import { NativeMemory } from "./native_memory.ts";

/** The numbers of bpf(2), asm/unistd_64.h and asm-generic/unistd.h. */
const SYS_BPF = { x64: 321n, arm64: 280n } as const;

// enum bpf_cmd, linux/bpf.h
const MAP_CREATE = 0n;
const MAP_UPDATE_ELEM = 2n;
const PROG_LOAD = 5n;
const RAW_TRACEPOINT_OPEN = 17n;
const LINK_CREATE = 28n;

/** enum bpf_map_type */
export const MAP_TYPES = { array: 2, sockets: 15, ring: 27 } as const;
/** enum bpf_prog_type, and the enum bpf_attach_type of the program. */
export const PROGRAM_TYPES = {
  rawTracepoint: { type: 17, attach: 0 },
  socketLookup: { type: 30, attach: 36 },
} as const;

/** The bytes of union bpf_attr that are passed: a kernel accepts fewer than it knows. */
const ATTRIBUTE_BYTES = 72;
const MAP_NAME = 28;
const PROGRAM_NAME = 48;
const EXPECTED_ATTACH_TYPE = 68;
/** The names of the objects, as `bpftool` lists them. */
const NAME = new TextEncoder().encode("lull");
/** The programs call no function that the kernel keeps for its own license. */
const LICENSE = new TextEncoder().encode("Apache-2.0\0");

/** A map: memory that programs and this process share. */
export interface MapOptions {
  readonly type: keyof typeof MAP_TYPES;
  /** 0 for a ring. */
  readonly keyBytes: number;
  readonly valueBytes: number;
  readonly entries: number;
}

/** Creates a map; returns its descriptor. Throws if the kernel refuses. */
export function createMap(libc: Libc, options: MapOptions): number {
  return bpf(libc, MAP_CREATE, "create a BPF map of type", options.type, [
    [0, u32(MAP_TYPES[options.type])],
    [4, u32(options.keyBytes)],
    [8, u32(options.valueBytes)],
    [12, u32(options.entries)],
    [MAP_NAME, NAME],
  ]);
}

/** Loads a program; returns its descriptor. Throws if the kernel refuses. */
export function loadProgram(
  libc: Libc,
  kind: keyof typeof PROGRAM_TYPES,
  program: Uint8Array,
): number {
  const { type, attach } = PROGRAM_TYPES[kind];
  return bpf(libc, PROG_LOAD, "load a BPF program of type", kind, [
    [0, u32(type)],
    [4, u32(program.length / 8)],
    [8, program],
    [16, LICENSE],
    [PROGRAM_NAME, NAME],
    [EXPECTED_ATTACH_TYPE, u32(attach)],
  ], [8, 16]);
}

/** Runs a program at a tracepoint of the kernel until the returned descriptor is closed. */
export function openRawTracepoint(
  libc: Libc,
  name: string,
  program: number,
): number {
  return bpf(libc, RAW_TRACEPOINT_OPEN, "open the tracepoint", name, [
    [0, new TextEncoder().encode(`${name}\0`)],
    [8, u32(program)],
  ], [0]);
}

/**
 * Attaches a program to a network namespace, given as a descriptor, until the returned descriptor is
 * closed.
 */
export function attachToNamespace(
  libc: Libc,
  program: number,
  namespace: number,
): number {
  const { attach } = PROGRAM_TYPES.socketLookup;
  return bpf(libc, LINK_CREATE, "attach a BPF program to", "the network", [
    [0, u32(program)],
    [4, u32(namespace)],
    [8, u32(attach)],
  ]);
}

/** Sets elements of one map. Holds memory until it is disposed of. */
export class MapWriter implements Disposable {
  readonly #libc: Libc;
  readonly #memory: NativeMemory;
  readonly #attributes: Uint8Array;

  /** For a map whose keys are 32-bit numbers. */
  constructor(libc: Libc, map: number, valueBytes: number) {
    this.#libc = libc;
    this.#memory = new NativeMemory(libc, ATTRIBUTE_BYTES + 8 + valueBytes);
    const key = this.#memory.address + BigInt(ATTRIBUTE_BYTES);
    this.#attributes = attributesOf([
      [0, u32(map)],
      [8, u64(key)],
      [16, u64(key + 8n)],
    ]);
  }

  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }

  /** Throws if the kernel refuses. */
  set(key: number, value: Uint8Array): void {
    const memory = this.#memory;
    memory.write(ATTRIBUTE_BYTES, u32(key));
    memory.write(ATTRIBUTE_BYTES + 8, value);
    const attributes = memory.write(0, this.#attributes);
    const on = `key ${key}`;
    call(this.#libc, MAP_UPDATE_ELEM, attributes, "set a BPF map's", on);
  }
}

/** A field of union bpf_attr: its offset and its bytes. */
type Field = readonly [offset: number, bytes: Uint8Array];

/**
 * Calls bpf(2). Fields whose offset is in `pointers` are passed by their address. Returns the
 * descriptor.
 */
function bpf(
  libc: Libc,
  command: bigint,
  action: string,
  on: string,
  fields: readonly Field[],
  pointers: readonly number[] = [],
): number {
  const size = fields.reduce(
    (sum, [, { length }]) => sum + Math.ceil(length / 8) * 8,
    ATTRIBUTE_BYTES,
  );
  using memory = new NativeMemory(libc, size);
  let end = ATTRIBUTE_BYTES;
  const resolved = fields.map(([offset, bytes]): Field => {
    if (!pointers.includes(offset)) return [offset, bytes];
    const address = memory.write(end, bytes);
    end += Math.ceil(bytes.length / 8) * 8;
    return [offset, u64(address)];
  });
  const attributes = memory.write(0, attributesOf(resolved));
  return call(libc, command, attributes, action, on);
}

function call(
  libc: Libc,
  command: bigint,
  attributes: bigint,
  action: string,
  on: string,
): number {
  const syscall = requireSymbol(libc, "syscall");
  const size = BigInt(ATTRIBUTE_BYTES);
  const number = SYS_BPF[libc.arch ?? "x64"];
  const result = syscall(number, command, attributes, size, 0n, 0n);
  return checked(libc, result, action, on);
}

function attributesOf(fields: readonly Field[]): Uint8Array {
  const bytes = new Uint8Array(ATTRIBUTE_BYTES);
  for (const [offset, value] of fields) bytes.set(value, offset);
  return bytes;
}

/** A 32-bit number in the machine's byte order. */
export function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

/** A 64-bit number in the machine's byte order. */
export function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}
