/**
 * Loads built-in modules when they are first used. In Bun, each of the first five adds 1 to 2 MB to
 * every snapshot. Each of the others makes the start about 0.5 ms longer. Most guests need none.
 * @module
 */
import process from "node:process";

/** Loads node:http, which loads node:net. */
export function nodeHttp(): typeof import("node:http") {
  return process.getBuiltinModule("node:http");
}

/** Loads node:net. */
export function nodeNet(): typeof import("node:net") {
  return process.getBuiltinModule("node:net");
}

/** Loads node:crypto. */
export function nodeCrypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

/** Loads node:dns. */
export function nodeDns(): typeof import("node:dns") {
  return process.getBuiltinModule("node:dns");
}

/** Loads node:child_process. */
export function nodeChildProcess(): typeof import("node:child_process") {
  return process.getBuiltinModule("node:child_process");
}

/** Loads node:fs/promises. */
export function nodeFsPromises(): typeof import("node:fs/promises") {
  return process.getBuiltinModule("node:fs/promises");
}
