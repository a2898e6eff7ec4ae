/**
 * The kernel's random pool: entropy goes in, and a new key comes out.
 * @module
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { failed, type Libc, need } from "./libc.ts";

/** _IOW('R', 0x03, int[2]), linux/random.h, random(4) */
const RNDADDENTROPY = 0x40085203n;
/** _IO('R', 0x07), linux/random.h */
const RNDRESEEDCRNG = 0x5207n;

const POOL = "/dev/urandom";
const HARDWARE = "/dev/hwrng";

/**
 * What a hardware source may have fetched before the snapshot, and would give
 * to every fork alike: the core of the kernel's hw_random and the virtio driver
 * each keep a buffer of at most 64 bytes (a cache line of an arm64 machine is
 * 128), and one request may be under way.
 */
const STALE_BYTES = 512;

/**
 * Mixes bytes into the pool and credits them with 8 bits each. On a pool that
 * is already seeded this alone changes no output: {@linkcode reseed} does.
 * Throws a SystemCallError where the kernel refuses (needs CAP_SYS_ADMIN).
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

/** Makes a new key from the pool; throws a SystemCallError where refused. */
export function reseed(libc: Libc): void {
  onPool(libc, RNDRESEEDCRNG, null, "reseed");
}

/**
 * Bytes of a hardware source (virtio-rng and the like) that were fetched after
 * this call, undefined where there is no source. Throws where a source gives
 * nothing within the limit: one without a host behind it would block for ever.
 */
export async function readHardware(
  length: number,
  options: {
    readonly limitMs: number;
    readonly signal?: AbortSignal;
    readonly path?: string;
    readonly stale?: number;
  },
): Promise<Uint8Array | undefined> {
  const { limitMs, signal, path = HARDWARE, stale = STALE_BYTES } = options;
  const source = open(path);
  if (source === undefined) return undefined;
  const end = performance.now() + limitMs;
  const bytes = new Uint8Array(stale + length);
  try {
    for (let filled = 0; filled < bytes.length;) {
      const count = readSome(source, bytes.subarray(filled));
      if (count === undefined) return undefined;
      filled += count;
      if (count > 0) continue;
      signal?.throwIfAborted();
      if (performance.now() > end) {
        throw new Error(
          `Cannot read ${path}: ${filled} of ${bytes.length} bytes within ${limitMs} ms`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  } finally {
    closeSync(source);
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
    if (need(libc.ioctl, "ioctl")(pool, request, argument) < 0) {
      throw failed(libc, action, POOL);
    }
  } finally {
    closeSync(pool);
  }
}

function open(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "ENOENT" || code === "ENODEV" || code === "ENXIO") {
      return undefined;
    }
    throw error;
  }
}

/** 0 where the source has nothing yet, undefined where it is no source. */
function readSome(source: number, into: Uint8Array): number | undefined {
  try {
    return readSync(source, into, 0, into.length, null);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === "EAGAIN") return 0;
    // hw_random's answer where the device node exists and no driver does
    if (code === "ENODEV") return undefined;
    throw error;
  }
}
