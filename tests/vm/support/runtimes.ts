/**
 * Programs of this host for a guest: Python with the modules that a script imports, Node, Bun, Deno.
 * @module
 */
import { join } from "node:path";
import { existsSync } from "node:fs";
import { guestDir } from "./paths.ts";
import { denoPath } from "./rootfs.ts";
import { runText, which } from "./run.ts";

/** The runtimes that this host has, with the path of each in the guest. */
export interface Runtimes {
  /** For `ImageOptions.extra`. */
  readonly files: Readonly<Record<string, string>>;
  /** The path of Python in the guest; undefined if this host has none. */
  readonly python: string | undefined;
  /** The path of Node in the guest; undefined if this host has none. */
  readonly node: string | undefined;
}

export const BUN = "/usr/bin/bun";
export const DENO = "/usr/bin/deno";
/** The scripts, in the guest. */
export const DRAWS = "/srv/draws";

const SCRIPTS = ["draw.py", "draw.mjs", "timer.py", "login"];

/** What the scripts import, and what `lull install --preload` finds. */
const MODULES = "json, random, ssl, uuid, ctypes, errno, site";

/** Prints Python's own path, and the file of each module that it loads at its start and for us. */
const FIND = `import os, sys, ${MODULES}
print(os.path.realpath(sys.executable))
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None)
    if path: print(path)`;

/** Finds the runtimes of this host. */
export function runtimes(): Runtimes {
  const node = which("node");
  const python = pythonFiles();
  return {
    files: {
      ...Object.fromEntries(
        SCRIPTS.map((name) => [
          join(DRAWS, name),
          join(guestDir, "draws", name),
        ]),
      ),
      [BUN]: process.execPath,
      [DENO]: denoPath(),
      ...node && { "/usr/bin/node": node },
      ...python.files,
    },
    python: python.path,
    node: node && "/usr/bin/node",
  };
}

/** The files of Python have the same paths in the guest, where Python looks for them. */
function pythonFiles() {
  const own = "/usr/bin/python3";
  const program = existsSync(own) ? own : which("python3");
  if (program === undefined) return { path: undefined, files: {} };
  const [path, ...modules] = runText(program, ["-c", FIND]).split("\n");
  const libraries = modules.filter((file) => file.endsWith(".so"))
    .flatMap((file) => runText("ldd", [file]).split("\n"))
    .flatMap((line) => /=> (\/\S+) \(0x/.exec(line)?.[1] ?? []);
  const files = [path, ...modules, ...libraries].map((file) => [file, file]);
  return { path, files: Object.fromEntries(files) as Record<string, string> };
}
