/**
 * Memory with an address, for structs that contain pointers. The bytes of a typed array have no
 * address that stays valid after a call.
 * @module
 */
import { type Libc, requireSymbol } from "./libc.ts";

// mmap(2)
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_ANONYMOUS = 0x20;
const MAP_FAILED = 2n ** 64n - 1n;

/** A part of a descriptor that is mapped. */
export interface MappedPart {
  readonly fd: number;
  readonly offset: number;
  readonly writable: boolean;
}

/** A mapping of this process: zeroed memory, or a part of a descriptor. */
export class NativeMemory implements Disposable {
  readonly address: bigint;
  readonly #libc: Libc;
  readonly #size: bigint;

  /** Throws if the kernel has no memory for it. */
  constructor(libc: Libc, bytes: number, part?: MappedPart) {
    this.#libc = libc;
    // The kernel maps whole pages, and unmaps them.
    this.#size = BigInt(bytes);
    this.address = requireSymbol(libc, "mmap")(
      null,
      this.#size,
      part?.writable === false ? PROT_READ : PROT_READ | PROT_WRITE,
      part === undefined ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED,
      part?.fd ?? -1,
      BigInt(part?.offset ?? 0),
    );
    if (BigInt.asUintN(64, this.address) === MAP_FAILED) {
      throw new Error(`Cannot map ${bytes} bytes`);
    }
  }

  /** Copies the bytes into the memory; returns their address. */
  write(at: number, bytes: Uint8Array): bigint {
    this.#check(at, bytes);
    const address = this.address + BigInt(at);
    const memcpy = requireSymbol(this.#libc, "memcpy");
    memcpy(address, bytes, BigInt(bytes.length));
    return address;
  }

  /** Copies the memory into the bytes. */
  read<T extends Uint8Array>(at: number, bytes: T): T {
    this.#check(at, bytes);
    const memmove = requireSymbol(this.#libc, "memmove");
    memmove(bytes, this.address + BigInt(at), BigInt(bytes.length));
    return bytes;
  }

  [Symbol.dispose](): void {
    requireSymbol(this.#libc, "munmap")(this.address, this.#size);
  }

  #check(at: number, bytes: Uint8Array): void {
    if (at < 0 || BigInt(at + bytes.length) > this.#size) {
      throw new RangeError(`Cannot copy ${bytes.length} bytes at ${at}`);
    }
  }
}
