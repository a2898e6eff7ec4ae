/**
 * node:fs/promises in the bundle for Deno: each prepare drops the kernel's caches, which needs `open`
 * for writing. All else is Node's.
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { nodeFs } from "./builtin.ts";
import { constants } from "./constants.ts";
import { translatedLater } from "./system_error.ts";

/** The part of a handle that is used with a file that is opened for writing only. */
type Written = Pick<FileHandle, "close"> & { write(text: string): unknown };

async function open(
  path: string,
  flags: string | number,
  mode?: number,
): Promise<Written> {
  if (flags !== constants.O_WRONLY) {
    return await nodeFs().promises.open(path, flags, mode);
  }
  const file = await translatedLater(Deno.open(path, { write: true }), {
    syscall: "open",
    path,
  });
  return {
    // deno-lint-ignore require-await -- as in Node
    close: async () => file.close(),
    write: (text) =>
      translatedLater(file.write(new TextEncoder().encode(text)), {
        syscall: "write",
      }),
  };
}

/** The module. */
export const promises = new Proxy({}, {
  get: (_, name) =>
    name === "open" ? open : Reflect.get(nodeFs().promises, name),
});
