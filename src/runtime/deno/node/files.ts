/**
 * The functions of node:fs for whole files and directories, by Deno's API where it does the same.
 * @module
 */
import { nodeFs } from "./builtin.ts";
import { closeSync, openSync, unlinkSync, writeSync } from "./descriptors.ts";
import { hasLibc } from "./libc.ts";
import { translated } from "./system_error.ts";

/** The characters that one call makes: its arguments lie on the stack. */
const CHUNK = 8192;

/** An option of node:fs: the name of an encoding, or an object. */
type Encoding = "utf8" | "latin1";

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads a whole file: bytes, or text if there is an encoding. */
export function readFileSync(path: string): Uint8Array;
export function readFileSync(path: string, encoding: Encoding): string;
export function readFileSync(
  path: string,
  encoding?: Encoding,
): string | Uint8Array {
  const bytes = translated(() => Deno.readFileSync(path), {
    syscall: "open",
    path,
  });
  if (encoding === "utf8") return utf8.decode(bytes);
  if (encoding === "latin1") return latin1(bytes);
  return bytes;
}

/**
 * One character for each byte; the decoder of that name is for another character set. Most files of
 * the kernel are ASCII, which is UTF-8, too: then no arguments are made in the memory of V8.
 */
function latin1(bytes: Uint8Array): string {
  const text = utf8.decode(bytes);
  if (text.length === bytes.length && !text.includes("\ufffd")) return text;
  const parts: string[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK) {
    parts.push(String.fromCharCode(...bytes.subarray(at, at + CHUNK)));
  }
  return parts.join("");
}

/** Writes a whole file. The mode is for a new file. */
export function writeFileSync(
  path: string,
  data: string | Uint8Array,
  options: { readonly mode?: number; readonly flag?: string } = {},
): void {
  if (!hasLibc()) return nodeFs().writeFileSync(path, data, options);
  const bytes = typeof data === "string"
    ? new TextEncoder().encode(data)
    : data;
  const file = openSync(path, options.flag ?? "w", options.mode);
  try {
    for (let at = 0; at < bytes.length;) {
      at += writeSync(file, bytes, at, bytes.length - at);
    }
  } finally {
    closeSync(file);
  }
}

/** The part of an entry of a directory that Lull uses. */
interface Entry {
  readonly name: string;
  isDirectory(): boolean;
}

/** The names in a directory, or its entries. */
export function readdirSync(path: string): string[];
export function readdirSync(path: string, o: { withFileTypes: true }): Entry[];
export function readdirSync(
  path: string,
  options?: { withFileTypes: true },
): string[] | Entry[] {
  const entries = translated(() => [...Deno.readDirSync(path)], {
    syscall: "scandir",
    path,
  });
  if (options?.withFileTypes !== true) return entries.map(({ name }) => name);
  return entries.map(({ name, isDirectory }) => ({
    name,
    isDirectory: () => isDirectory,
  }));
}

/** Makes a directory; with `recursive`, also those above it, and it may exist. */
export function mkdirSync(
  path: string,
  options: { readonly recursive?: boolean; readonly mode?: number } = {},
): void {
  translated(() => Deno.mkdirSync(path, options), { syscall: "mkdir", path });
}

/** Removes a file; with `recursive`, also a directory; with `force`, it may be missing. */
export function rmSync(
  path: string,
  options: { readonly recursive?: boolean; readonly force?: boolean } = {},
): void {
  try {
    if (options.recursive !== true) return unlinkSync(path);
    translated(() => Deno.removeSync(path, { recursive: true }), {
      syscall: "rm",
      path,
    });
  } catch (error) {
    const { code } = error as { code?: string };
    if (options.force !== true || code !== "ENOENT") throw error;
  }
}

/** Gives a file another path, in place of what is there. */
export function renameSync(from: string, to: string): void {
  translated(() => Deno.renameSync(from, to), {
    syscall: "rename",
    path: from,
    destination: to,
  });
}

/** Where a link leads to. */
export function readlinkSync(path: string): string {
  return translated(() => Deno.readLinkSync(path), {
    syscall: "readlink",
    path,
  });
}

/** The path without links. */
export function realpathSync(path: string): string {
  return translated(() => Deno.realPathSync(path), {
    syscall: "realpath",
    path,
  });
}

/** Gives a file that mode. */
export function chmodSync(path: string, mode: number): void {
  translated(() => Deno.chmodSync(path, mode), { syscall: "chmod", path });
}
