/**
 * Descriptors that are free: both runtimes end the whole process, or stop listening, if they find
 * none in the middle of something.
 * @module
 */
import { closeSync, openSync } from "node:fs";
import { errorCode } from "../util/errors.ts";

/**
 * The code of the error if fewer than `count` descriptors are free: EMFILE for this process's
 * limit, ENFILE for the machine's; undefined if they are free. Opens and closes that many: the
 * kernel tells of the limit only by refusing.
 */
export function lackOfDescriptors(count: number): string | undefined {
  const taken: number[] = [];
  try {
    while (taken.length < count) taken.push(openSync("/dev/null", "r"));
    return undefined;
  } catch (error) {
    // If the device is missing, or refused, nothing is known.
    const code = errorCode(error);
    return code === "EMFILE" || code === "ENFILE" ? code : undefined;
  } finally {
    for (const fd of taken) closeSync(fd);
  }
}

/**
 * Descriptors that must be free for a worker: its event loop takes 4 to 6, its modules one at a
 * time, and clients may connect meanwhile. If the loop finds none, Deno panics and Bun exits.
 */
const WORKER_DESCRIPTORS = 32;

/** Throws `Cannot start worker URL: EMFILE` if a worker might find no descriptor. */
export function requireWorkerDescriptors(url: URL): void {
  const code = lackOfDescriptors(WORKER_DESCRIPTORS);
  if (code === undefined) return;
  const error = new Error(`Cannot start worker ${url.href}: ${code}`);
  throw Object.assign(error, { code });
}
