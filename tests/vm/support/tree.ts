import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { runText } from "./run.ts";

/**
 * Puts the applets of busybox into DIR/bin as links. `own` is a busybox of this machine's
 * processor, which lists the applets.
 */
export function addBusybox(dir: string, busybox: string, own = busybox): void {
  addFile(dir, "/bin/busybox", busybox, 0o755);
  for (const applet of runText(own, ["--list"]).split("\n")) {
    if (applet !== "busybox") {
      symlinkSync("/bin/busybox", join(dir, "bin", applet));
    }
  }
}

/** Copies a file to a path inside the tree. */
export function addFile(
  dir: string,
  path: string,
  source: string,
  mode = 0o644,
): void {
  const target = join(dir, path);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(realpathSync(source), target);
  chmodSync(target, mode);
}

/** Writes a text to a path inside the tree. */
export function addText(
  dir: string,
  path: string,
  text: string,
  mode = 0o644,
): void {
  const target = join(dir, path);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, text);
  chmodSync(target, mode);
}

/** Copies a program and the shared libraries that its dynamic loader would load. */
export function addProgram(dir: string, path: string, source: string): void {
  addFile(dir, path, source, 0o755);
  if (!isDynamic(source)) return;
  // A line is `name => /path (address)` or, for the loader, `/path (address)`.
  for (const line of runText("ldd", [source]).split("\n")) {
    const library = /(\/\S+) \(0x/.exec(line)?.[1];
    if (library) addFile(dir, library, library, 0o755);
  }
}

/** Whether the file is an ELF program that names a dynamic loader (PT_INTERP, elf(5)). */
function isDynamic(path: string): boolean {
  const bytes = readFileSync(path);
  if (bytes.readUInt32BE(0) !== 0x7f454c46) return false;
  const table = Number(bytes.readBigUInt64LE(32));
  const size = bytes.readUInt16LE(54);
  const count = bytes.readUInt16LE(56);
  for (let i = 0; i < count; i++) {
    if (bytes.readUInt32LE(table + i * size) === 3) return true;
  }
  return false;
}

/** The sum of the sizes of all files in a folder, in bytes. */
export function treeBytes(dir: string): number {
  let sum = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) sum += treeBytes(path);
    // Each file takes whole blocks, and a directory entry.
    else if (entry.isFile()) sum += statSync(path).size + 4096;
  }
  return sum;
}
