/**
 * Waits for a file to grow, without a thread.
 * @module
 */
import { constants, openSync } from "node:fs";
import type { DescriptorWatch, FileWatch } from "../types.ts";

/**
 * Opens the file. Bun's event loop polls a stream of the file by itself. A read of node:fs
 * would need a thread, and its result would arrive 30 ms later in a machine that has just
 * been restored, because all of that code would run for the first time.
 */
export function openWatch(path: string): FileWatch {
  return watchDescriptor(() =>
    openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  );
}

/** Watches a descriptor, in the same way. */
export function watchDescriptor(
  open: (nonBlocking: boolean) => number,
): DescriptorWatch {
  const fd = open(true);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  return {
    fd,
    async next() {
      reader ??= Bun.file(fd).stream().getReader();
      try {
        await reader.read();
      } catch (error) {
        reader = undefined; // a stream that failed reads no more
        throw error;
      }
    },
    end() {
      // The stream has a copy of the descriptor.
      reader?.cancel().catch(() => {});
    },
  };
}
