/**
 * The settings of Deno that must be in place before the process starts: there are none.
 * V8's flags are part of the command line that the user writes.
 * @module
 */

/** Does nothing: there is nothing that could fail. */
export function prepareProcess(): undefined {}
