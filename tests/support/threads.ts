/**
 * A C library whose threads a test holds and lets go.
 */
import { closeSync, openSync } from "node:fs";
import { constants } from "node:os";
import type { Libc } from "../../src/linux/libc.ts";

const { EBUSY } = constants.errno;

/** A call that a thread makes: `opendir /proc`, `syncfs /proc`. */
export type Call = string;

/** Threads that end at once, unless the test holds what they call. */
export class FakeThreads {
  /** Calls that were begun, in their order. */
  readonly begun: Call[] = [];
  /** Threads that were joined. */
  joined = 0;
  /** Looks at threads so far. */
  looks = 0;
  /** Calls that do not return for now. */
  readonly held = new Set<Call>();
  /** Calls that fail. */
  readonly failing = new Set<Call>();
  /** Directories that are open: their descriptors are real. Those under another file's are not. */
  readonly open = new Map<number, string>();
  readonly libc: Libc;
  readonly #strings = new Map<bigint, string>();
  readonly #threads = new Map<bigint, { call: Call; value: () => bigint }>();
  #count = 0n;

  constructor() {
    this.libc = {
      dlsym: (_, name) =>
        BigInt(["opendir", "syncfs"].indexOf(textOf(name!))) + 1n,
      strdup: (text) => this.#keep(textOf(text!)),
      free: (text) => void this.#strings.delete(text!),
      dirfd: (directory) => Number(directory),
      closedir: (directory) => {
        const fd = Number(directory);
        closeSync(fd);
        this.open.delete(fd);
        return 0;
      },
      dup3: (_, to) => {
        this.open.delete(to);
        return to;
      },
      pthread_create: (handle, _, code, argument) => {
        const thread = ++this.#count;
        new DataView(handle!.buffer).setBigUint64(0, thread, true);
        this.#threads.set(thread, this.#call(code!, argument!));
        return 0;
      },
      pthread_tryjoin_np: (thread, result) => {
        this.looks++;
        const { call, value } = this.#threads.get(thread!)!;
        if (this.held.has(call)) return EBUSY;
        this.#threads.delete(thread!);
        this.joined++;
        new DataView(result!.buffer).setBigUint64(0, value(), true);
        return 0;
      },
    };
  }

  /** Strings and threads that the agent has not given back. */
  get left(): number {
    return this.#strings.size + this.#threads.size;
  }

  #call(code: bigint, argument: bigint): { call: Call; value: () => bigint } {
    const name = code === 1n ? "opendir" : "syncfs";
    const path = code === 1n
      ? this.#strings.get(argument)!
      : this.open.get(Number(argument))!;
    const call = `${name} ${path}`;
    this.begun.push(call);
    const value = () => {
      if (this.failing.has(call)) return code === 1n ? 0n : 0xffff_ffffn;
      if (code === 2n) return 0n;
      const fd = openSync(path, "r");
      this.open.set(fd, path);
      return BigInt(fd);
    };
    return { call, value };
  }

  #keep(text: string): bigint {
    const address = 4096n + ++this.#count;
    this.#strings.set(address, text);
    return address;
  }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
}
