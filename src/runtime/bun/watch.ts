/**
 * Waits for a file to grow, without a thread.
 * @module
 */
import { constants, openSync } from "node:fs";
import type { FileWatch } from "../types.ts";

/**
 * Opens the file. Bun's event loop polls a stream of the file by itself. A read of node:fs
 * would need a thread, and its result would arrive 30 ms later in a machine that has just
 * been restored, because all of that code would run for the first time.
 */
export function openWatch(path: string): FileWatch {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  let reader: { read(): Promise<unknown> } | undefined;
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
  };
}
