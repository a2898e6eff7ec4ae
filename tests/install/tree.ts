/**
 * Trees to install Lull into, and what is in them afterwards.
 * @module
 */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { install } from "../../src/install/install.ts";
import type { Line } from "../../src/install/line.ts";

/** A program that is small. */
export const program = realpathSync("/bin/true");

export const BINARY = "usr/local/bin/lull";
export const CONFIG = "etc/lull/config.json";

/** A directory for the trees of one test file, until `remove`. */
export function trees() {
  const base = mkdtempSync(join(tmpdir(), "lull-install-"));
  let count = 0;
  return { base, tree, remove: () => rmSync(base, { recursive: true }) };

  /** A tree with those empty files, `->` making links. */
  function tree(...entries: string[]): string {
    const root = join(base, `tree-${count++}`);
    mkdirSync(root);
    for (const entry of entries) {
      const [path, target] = entry.split(" -> ");
      mkdirSync(dirname(join(root, path)), { recursive: true });
      if (target === undefined) writeFileSync(join(root, path), "");
      else symlinkSync(target, join(root, path));
    }
    return root;
  }
}

export function installInto(root: string, binary = program): Line[] {
  const lines: Line[] = [];
  const onLine = (line: Line) => lines.push(line);
  install({ root, binary, dryRun: false, onLine });
  return lines;
}

/** What became of each path, without the leading slash. */
export function fates(lines: Line[]): Record<string, string> {
  return Object.fromEntries(
    lines.filter(({ path }) => path).map((
      { path, what },
    ) => [path!.slice(1), what]),
  );
}

export function read(root: string, path: string): string {
  return readFileSync(join(root, path), "utf8");
}

/** Everything below, so that nothing is left or changed unseen. */
export function contents(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    const { mtimeMs, ino } = lstatSync(path);
    return entry.isDirectory()
      ? [path, ...contents(path)]
      : [`${path} ${ino} ${mtimeMs}`];
  }).sort();
}
