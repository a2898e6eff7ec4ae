/**
 * Options: which memory a prepare frees, and what it publishes.
 * @module
 */
import { boolean, integer, oneOf, option } from "../option.ts";

/** These options, each with its kind, its default and its description. */
export const memoryOptions = {
  dropCaches: option(
    oneOf(["off", "pagecache", "all"]),
    "pagecache",
    "Caches of the kernel that a prepare drops.",
  ),
  compactMemory: option(
    boolean(),
    false,
    "Let the kernel compact memory during a prepare.",
  ),
  zeroMemoryMib: option(
    integer(0, 2 ** 20),
    512,
    "Maximum of free memory that a settle zeroes, in MiB.",
  ),
  pageOut: option(
    oneOf(["never", "start", "unneeded", "settle"]),
    "unneeded",
    "When the agent pages out its program, and which part of it.",
  ),
  publishWorkingSet: option(
    boolean(),
    false,
    "Report to the host, after the settle, which memory a recovery needs.",
  ),
};
