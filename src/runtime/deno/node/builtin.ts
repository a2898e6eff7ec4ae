/**
 * Node's own modules, which are loaded when something needs them: 25 ms of CPU time and 5 MiB.
 * @module
 */

/** Node's own node:fs. */
export function nodeFs(): typeof import("node:fs") {
  return globalThis.process.getBuiltinModule("node:fs");
}

/** Node's own node:os. */
export function nodeOs(): typeof import("node:os") {
  return globalThis.process.getBuiltinModule("node:os");
}
