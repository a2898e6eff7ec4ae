/**
 * FITRIM (linux/fs.h): tells the disk which blocks of a filesystem are free. The call needs
 * CAP_SYS_ADMIN, and may take minutes.
 * @module
 */
import { lastError, type Libc, requireSymbol } from "./libc.ts";

/** _IOWR('X', 121, struct fstrim_range) of linux/fs.h. */
const FITRIM = 0xC0185879n;
/** The length of the whole filesystem. */
const ALL = 2n ** 64n - 1n;

/** The result of a trim of one filesystem. */
export interface Trimmed {
  /** The mount point. */
  readonly path: string;
  /** Bytes that the disk was told are free. */
  readonly trimmed?: number;
  /** The least length of a free range in bytes; the kernel may have raised it. */
  readonly minimum?: number;
  /** Why the filesystem was not trimmed. */
  readonly error?: string;
}

/** Trims the filesystem of an open descriptor. Throws a SystemCallError. */
export function trimFilesystem(
  libc: Libc,
  fd: number,
  path: string,
  minimum: number,
): Trimmed {
  // struct fstrim_range: start, length, least length
  const range = new BigUint64Array([0n, ALL, BigInt(minimum)]);
  const bytes = new Uint8Array(range.buffer);
  if (requireSymbol(libc, "ioctl")(fd, FITRIM, bytes) === -1) {
    throw lastError(libc, "trim", path);
  }
  return { path, trimmed: Number(range[1]), minimum: Number(range[2]) };
}
