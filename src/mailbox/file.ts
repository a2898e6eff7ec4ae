/**
 * A mailbox that is a file or a block device: a virtio-blk or pmem disk of the machine.
 * @module
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import process from "node:process";
import type { Libc } from "../linux/libc.ts";
import { callOnPool } from "../linux/pool_call.ts";
import { hasCode } from "../util/errors.ts";
import { nodeFsPromises } from "../util/lazy_builtins.ts";
import type { MailboxSource } from "./source.ts";

/** Milliseconds that a read may take. */
const LIMIT_MS = 2000;
/** open(2), fcntl.h: the value of x64, and that of arm64. */
const O_DIRECT = process.arch === "arm64" ? 0o200000 : 0o40000;
/** posix_fadvise(2): the kernel drops the cached pages. */
const POSIX_FADV_DONTNEED = 4;
/** The largest block of a disk, to which a direct read aligns its bytes, its memory and its size. */
const BLOCK = 4096;
/** The runtimes align the memory of a buffer to this many bytes. */
const ALIGNED = 8;

/**
 * Reads a file past the page cache: after a restore, the cache holds the content that the device had
 * before the snapshot. A filesystem without direct reads (tmpfs, FUSE) has its cached pages dropped
 * first.
 */
export function fileSource(libc: Libc, path: string): MailboxSource {
  const direct = new DirectBuffer();
  return {
    name: path,
    limitMs: LIMIT_MS,
    read: (maxBytes, signal) =>
      callOnPool(
        `read the mailbox ${path}`,
        async () => {
          const file = await open(path);
          try {
            return file.isDirect
              ? await direct.read(file.handle, maxBytes + 1)
              : await readUncached(libc, file.handle, maxBytes + 1);
          } finally {
            await file.handle.close();
          }
        },
        { limitMs: LIMIT_MS, signal },
      ),
  };
}

async function open(
  path: string,
): Promise<{ handle: FileHandle; isDirect: boolean }> {
  const { open } = nodeFsPromises();
  // A FIFO would wait for its writer.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK;
  try {
    return { handle: await open(path, flags | O_DIRECT), isDirect: true };
  } catch (error) {
    if (!hasCode(error, "EINVAL")) throw error;
    return { handle: await open(path, flags), isDirect: false };
  }
}

async function readUncached(
  libc: Libc,
  handle: FileHandle,
  size: number,
): Promise<Uint8Array> {
  libc.posix_fadvise?.(handle.fd, 0n, 0n, POSIX_FADV_DONTNEED);
  const bytes = new Uint8Array(size);
  let length = 0;
  for (;;) {
    const left = size - length;
    const { bytesRead } = await handle.read(bytes, length, left, length);
    length += bytesRead;
    if (bytesRead === 0 || length === size) break;
  }
  libc.posix_fadvise?.(handle.fd, 0n, 0n, POSIX_FADV_DONTNEED);
  return bytes.subarray(0, length);
}

/**
 * Memory for direct reads. No runtime tells where a buffer is in memory, so a read tries offsets
 * until the kernel accepts one. The memory is kept, and it does not move: later reads and forks need
 * no search.
 */
class DirectBuffer {
  #bytes: Uint8Array | undefined;
  #offset = 0;

  /** Reads from the beginning. The kept memory is zero after that: it may have held secrets. */
  async read(handle: FileHandle, size: number): Promise<Uint8Array> {
    const whole = Math.ceil(size / BLOCK) * BLOCK;
    this.#bytes ??= new Uint8Array(whole + BLOCK);
    const bytes = this.#bytes;
    try {
      const length = await this.#readAligned(handle, bytes, whole);
      const end = Math.min(length, size);
      return bytes.slice(this.#offset, this.#offset + end);
    } finally {
      bytes.fill(0);
    }
  }

  async #readAligned(
    handle: FileHandle,
    bytes: Uint8Array,
    size: number,
  ): Promise<number> {
    for (let tried = 0;; tried += ALIGNED) {
      try {
        const { bytesRead } = await handle.read(bytes, this.#offset, size, 0);
        return bytesRead;
      } catch (error) {
        if (tried >= BLOCK || !hasCode(error, "EINVAL")) throw error;
        this.#offset = (this.#offset + ALIGNED) % BLOCK;
      }
    }
  }
}
