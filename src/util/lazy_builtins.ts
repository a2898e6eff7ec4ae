/**
 * Built-in modules that are loaded when they are first used: in Bun each of
 * these costs 1 to 2 MB of every snapshot, and most guests need none of them.
 * @module
 */
import process from "node:process";

/** node:http, and node:net with it. */
export function nodeHttp(): typeof import("node:http") {
  return process.getBuiltinModule("node:http");
}

/** node:net. */
export function nodeNet(): typeof import("node:net") {
  return process.getBuiltinModule("node:net");
}

/** node:crypto. */
export function nodeCrypto(): typeof import("node:crypto") {
  return process.getBuiltinModule("node:crypto");
}

/** node:v8. */
export function nodeV8(): typeof import("node:v8") {
  return process.getBuiltinModule("node:v8");
}

/** node:dns. */
export function nodeDns(): typeof import("node:dns") {
  return process.getBuiltinModule("node:dns");
}
