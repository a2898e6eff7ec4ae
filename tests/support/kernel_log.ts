/**
 * The kernel's log, for tests that write to it.
 */
import { accessSync, constants } from "node:fs";

/** Why a test cannot; false where it can. */
export function kernelLogProblem(): string | false {
  try {
    accessSync("/dev/kmsg", constants.R_OK | constants.W_OK);
    return false;
  } catch {
    return "needs to read and write /dev/kmsg";
  }
}
