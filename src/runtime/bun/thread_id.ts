/**
 * The id of a thread of Bun.
 * @module
 */
import { readlinkSync } from "node:fs";

/** The id of this thread in /proc/self/task. */
export function threadId(): number {
  // A link to PID/task/TID, proc(5).
  return Number(readlinkSync("/proc/thread-self").split("/").pop());
}
