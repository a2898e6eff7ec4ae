/**
 * The function read of node:fs, which reads on a thread of the pool.
 * @module
 */
import { poolRead } from "../library.ts";
import { nodeFs } from "./builtin.ts";
import { hasLibc } from "./libc.ts";
import { readFileSync } from "./files.ts";
import { systemError } from "./system_error.ts";

type Callback = (error: Error | null, count: number) => void;

const EAGAIN = 11;
const ENODEV = 19;
const DRIVER = "/sys/class/misc/hw_random/rng_current";

/**
 * Reads at the place where the file is. Lull reads /dev/hwrng in this way, without waiting. The
 * number of an error stays with the thread of the pool: each error is EAGAIN, or ENODEV if the
 * kernel has no driver for the device.
 */
export function read(
  fd: number,
  buffer: Uint8Array<ArrayBuffer>,
  offset: number,
  length: number,
  position: null,
  callback: Callback,
): void {
  if (!hasLibc()) {
    nodeFs().read(fd, buffer, offset, length, position, callback);
    return;
  }
  const into = buffer.subarray(offset, offset + length);
  poolRead()(fd, into, BigInt(length)).then((count) => {
    if (count >= 0n) return callback(null, Number(count));
    const errno = hasDriver() ? EAGAIN : ENODEV;
    callback(systemError(errno, { syscall: "read" }), 0);
  });
}

function hasDriver(): boolean {
  try {
    return readFileSync(DRIVER, "utf8").trim() !== "none";
  } catch {
    return false;
  }
}
