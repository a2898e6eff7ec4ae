/**
 * The kernel's random pool: adds entropy, makes a new key, and reads a hardware source of entropy.
 * @module
 */
import { closeSync, constants, openSync, read } from "node:fs";
import { hasCode, resultUnless } from "../util/errors.ts";
import { checked, type Libc, requireSymbol } from "./libc.ts";
import { sleep } from "../util/wait.ts";
import { callOnPool } from "./pool_call.ts";

/** _IOW('R', 0x03, int[2]), linux/random.h, random(4) */
const RNDADDENTROPY = 0x40085203n;
/** _IO('R', 0x07), linux/random.h */
const RNDRESEEDCRNG = 0x5207n;

const POOL = "/dev/urandom";
const HARDWARE = "/dev/hwrng";
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;
/** The codes of open(2) if there is no hardware source. */
const NO_SOURCE = ["ENOENT", "ENODEV", "ENXIO"];

/**
 * The bytes to discard from a hardware source: the kernel may have fetched them before the
 * snapshot, and would give the same bytes to every fork. The core of hw_random and the virtio
 * driver each keep one buffer, the size of a cache line: 64 bytes, and 128 on some machines. A
 * request that is under way fills one of these two buffers. Each further 64 bytes are one more
 * request to the host, and the caller of the recovery waits for it.
 */
const STALE_BYTES = 256;

/**
 * Mixes bytes into the pool and credits them with 8 bits each. If the pool is already seeded, its
 * output changes only with {@linkcode reseed}. Throws a SystemCallError if the kernel refuses
 * (needs CAP_SYS_ADMIN).
 */
export function addEntropy(libc: Libc, bytes: Uint8Array): void {
  // struct rand_pool_info: bits to credit, size in bytes, the bytes
  const info = new Uint8Array(8 + bytes.length);
  const view = new DataView(info.buffer);
  view.setInt32(0, bytes.length * 8, true);
  view.setInt32(4, bytes.length, true);
  info.set(bytes, 8);
  onPool(libc, RNDADDENTROPY, info, "add entropy to");
}

/** Makes a new key from the pool. Throws a SystemCallError if the kernel refuses. */
export function reseed(libc: Libc): void {
  onPool(libc, RNDRESEEDCRNG, null, "reseed");
}

/**
 * Reads bytes of a hardware source, for example virtio-rng, that were fetched after this call.
 * Undefined if there is no source. Throws if the source gives too few bytes within the limit, and
 * as soon as the signal aborts. Even a nonblocking read may wait for ever: the kernel's own reader
 * holds the lock of the source while it waits for the host (hwrng_fillfn() in
 * drivers/char/hw_random/core.c).
 */
export async function readHardware(
  length: number,
  options: {
    readonly limitMs: number;
    readonly signal?: AbortSignal;
    readonly path?: string;
    readonly stale?: number;
    /** Reads some bytes; replaces read(2) on the runtime's pool in tests. */
    readonly readSome?: typeof readSome;
  },
): Promise<Uint8Array | undefined> {
  const { limitMs, signal, path = HARDWARE, stale = STALE_BYTES } = options;
  const { readSome: next = readSome } = options;
  const source = resultUnless(NO_SOURCE, () => openSync(path, OPEN_FLAGS));
  if (source === undefined) return undefined;
  const end = performance.now() + limitMs;
  const bytes = new Uint8Array(stale + length);
  let reading: Promise<unknown> = Promise.resolve();
  try {
    for (let filled = 0; filled < bytes.length;) {
      const left = end - performance.now();
      if (left <= 0) {
        throw new Error(
          `Cannot read ${path}: ${filled} of ${bytes.length} bytes within ${limitMs} ms`,
        );
      }
      const count = await callOnPool(
        `read ${path}`,
        () => reading = next(source, bytes.subarray(filled)),
        { limitMs: Math.ceil(left), signal },
      );
      if (count === undefined) return undefined;
      filled += count;
      if (count === 0) await sleep(1, signal);
    }
  } finally {
    // A read that was given up still uses the descriptor: it is closed after that read.
    const close = () => closeSync(source);
    reading.then(close, close);
  }
  return bytes.slice(stale);
}

function onPool(
  libc: Libc,
  request: bigint,
  argument: Uint8Array | null,
  action: string,
): void {
  const pool = openSync(POOL, "r");
  try {
    const result = requireSymbol(libc, "ioctl")(pool, request, argument);
    checked(libc, result, action, POOL);
  } finally {
    closeSync(pool);
  }
}

/** Returns the bytes read: 0 if the source has none yet; undefined if it is no source. */
function readSome(
  source: number,
  into: Uint8Array,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    read(source, into, 0, into.length, null, (error, count) => {
      if (error === null) resolve(count);
      else if (hasCode(error, "EAGAIN")) resolve(0);
      // The device node exists, and hw_random has no driver for it.
      else if (hasCode(error, "ENODEV")) resolve(undefined);
      else reject(error);
    });
  });
}
