/**
 * Installs preloads into a tree, and removes them.
 * @module
 */
import { readdirSync, rmdirSync, rmSync } from "node:fs";
import type { PreloadName } from "../../config/preloads.ts";
import { errorText } from "../../util/errors.ts";
import { InstallError } from "../error.ts";
import { PACKAGED, serviceManagersOf, SYSTEMD } from "../layout.ts";
import type { Line } from "../line.ts";
import { entryAt, Tree } from "../tree.ts";
import { isUpToDate, readText, writeWhole } from "../write.ts";
import {
  FILES,
  FOLDER,
  type Preload,
  PRELOADS,
  settingsOf,
} from "./preloads.ts";

/** What both functions need. */
export interface PreloadOptions {
  /** The root directory of the tree. */
  readonly root: string;
  readonly names: readonly PreloadName[];
  /** Changes nothing. */
  readonly dryRun: boolean;
  /** Called with each line, as soon as its file is done. */
  readonly onLine: (line: Line) => void;
}

/** The directories that have one directory for each version of Python. */
const LIBRARIES = [
  ...["/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"],
];

/** Installs preloads. Throws an InstallError at the first failure; the next install does the rest. */
export function installPreloads(options: PreloadOptions): void {
  const { names, dryRun, onLine } = options;
  const tree = new Tree(options.root);
  const hasSystemd = serviceManagersOf(tree).includes(SYSTEMD);
  for (const name of names) {
    const preload = PRELOADS[name];
    // First the file, and then what makes programs load it.
    for (const path of preload.files) write(path, FILES[path]);
    for (const path of pthsOf(preload)) write(path, preload.pth!);
    for (const [path, text] of Object.entries(settingsOf(name, hasSystemd))) {
      write(path, text);
    }
    onLine({ what: "note", why: `${name}: ${preload.note}` });
  }

  function pthsOf({ pth }: Preload): string[] {
    if (pth === undefined) return [];
    const paths = sitesOf(tree);
    if (paths.length === 0) {
      onLine({ what: "warning", why: "the tree has no Python" });
    }
    return paths;
  }

  function write(path: string, text: string): void {
    const at = dryRun ? tree.peek(path) : tree.place(path);
    const isNew = !isUpToDate(at, { text }, 0o644);
    if (isNew && !dryRun) writeWhole(at, { text }, 0o644);
    onLine({ what: isNew ? "written" : "unchanged", path });
  }
}

/**
 * Removes preloads. A file that a user changed stays, and so do files of a package and files that
 * another preload needs. Returns whether there was one.
 */
export function uninstallPreloads(options: PreloadOptions): boolean {
  const { names, dryRun, onLine } = options;
  const tree = new Tree(options.root, "uninstall from");
  let found = false;
  const others = (Object.keys(PRELOADS) as PreloadName[])
    .filter((name) => !names.includes(name));
  // First what makes programs load a file, and then the file.
  for (const name of names) {
    const { pth } = PRELOADS[name];
    if (pth !== undefined) sitesOf(tree).forEach((path) => file(path, pth));
    for (const [path, text] of Object.entries(settingsOf(name, true))) {
      file(path, text);
    }
  }
  const isPackaged = tree.find(PACKAGED) !== undefined;
  const needed = new Set(
    others.filter(isUsed)
      .flatMap((name) => PRELOADS[name].files),
  );
  const unneeded = isPackaged
    ? []
    : names.flatMap((name) => PRELOADS[name].files)
      .filter((path) => !needed.has(path));
  for (const path of new Set(unneeded)) {
    if (entryAt(tree.peek(path))?.isFile()) remove(path);
  }
  if (!isPackaged) folders();
  return found;

  /** Whether anything makes programs load this preload. Deno's programs name the file themselves. */
  function isUsed(name: PreloadName): boolean {
    const { pth } = PRELOADS[name];
    const paths = pth ? sitesOf(tree) : Object.keys(settingsOf(name, true));
    return paths.some((path) => entryAt(tree.peek(path)) !== undefined);
  }

  /** Removes a file if its text is that of an install. */
  function file(path: string, text: string): void {
    const at = tree.peek(path);
    if (entryAt(at) === undefined) return;
    if (readText(at) === text) return remove(path);
    found = true;
    const why = "the file was changed after its installation";
    onLine({ what: "kept", path, why });
  }

  /** Removes the directories if nothing is left in them but what Python compiled. */
  function folders(): void {
    const cache = `${FOLDER}/__pycache__`;
    const left = namesIn(FOLDER).filter((name) =>
      dryRun ? !unneeded.includes(`${FOLDER}/${name}`) : true
    );
    if (left.some((name) => name !== "__pycache__")) return;
    if (left.length > 0) {
      for (const name of namesIn(cache)) {
        if (name.startsWith("lull_random.")) remove(`${cache}/${name}`);
      }
      if (dryRun || namesIn(cache).length === 0) remove(cache, true);
    }
    for (const path of [FOLDER, "/usr/lib/lull"]) {
      const isEmpty = dryRun || namesIn(path).length === 0;
      if (isEmpty && entryAt(tree.peek(path))?.isDirectory()) {
        remove(path, true);
      }
    }
  }

  function namesIn(path: string): string[] {
    const at = tree.peek(path);
    return entryAt(at)?.isDirectory() ? readdirSync(at) : [];
  }

  function remove(path: string, isDirectory = false): void {
    found = true;
    try {
      if (!dryRun) (isDirectory ? rmdirSync : rmSync)(tree.peek(path));
    } catch (error) {
      throw new InstallError(`Cannot remove ${path}: ${errorText(error)}`);
    }
    onLine({ what: "removed", path });
  }
}

/** The path of the .pth file for each Python of the tree. */
function sitesOf(tree: Tree): string[] {
  return LIBRARIES.flatMap((library) => {
    const at = tree.peek(library);
    if (!entryAt(at)?.isDirectory()) return [];
    const versions = readdirSync(at)
      .filter((name) => /^python3(\.\d+t?)?$/.test(name)).sort();
    return versions.flatMap((version) => {
      // Debian's own Python has one directory for all versions, and looks into it.
      const names = library === "/usr/lib"
        ? ["site-packages", "dist-packages"]
        : ["site-packages"];
      return names.map((name) => `${library}/${version}/${name}`)
        .filter((path) => tree.resolve(path) !== undefined)
        .map((path) => `${path}/lull.pth`);
    });
  });
}
