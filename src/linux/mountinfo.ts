/**
 * Reads /proc/self/mountinfo, the list of mounts (proc_pid_mountinfo(5)).
 * @module
 */
import { readFileSync } from "node:fs";

/** A mount. The list has the kernel's order: a later mount may cover an earlier one. */
export interface Mount {
  readonly id: number;
  /** The id of the mount that this one is mounted on. */
  readonly parent: number;
  /** The device of its filesystem, `MAJOR:MINOR`. */
  readonly device: string;
  readonly mountPoint: string;
  readonly type: string;
  /** Whether both the mount and its filesystem can be written. */
  readonly writable: boolean;
}

/** Reads all mounts in the mount namespace of this process. */
export function readMounts(): Mount[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** Returns the id of the mount of an open file (proc_pid_fdinfo(5)). */
export function mountIdOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  return Number(/^mnt_id:\s*(\d+)$/m.exec(text)?.[1]);
}

/** Returns the mount of an open file; undefined if it is no longer mounted. */
export function mountOfDescriptor(fd: number): Mount | undefined {
  const id = mountIdOf(fd);
  return readMounts().find((mount) => mount.id === id);
}

/** Parses the text of mountinfo. Throws on a line that has another form. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const words = line.split(" ");
    // A single "-" ends the optional fields.
    const dash = words.indexOf("-", 6);
    const [type, , superOptions] = words.slice(dash + 1);
    if (dash === -1 || superOptions === undefined) {
      throw new Error(`Cannot read mountinfo: ${JSON.stringify(line)}`);
    }
    const options = words[5];
    return {
      id: Number(words[0]),
      parent: Number(words[1]),
      device: words[2],
      mountPoint: unescape(words[4]),
      type,
      writable: [options, superOptions].every((list) =>
        list.split(",").includes("rw")
      ),
    };
  });
}

/** Returns the mount of a path without links: the deepest one, and of these the latest. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount {
  let found: Mount | undefined;
  for (const mount of mounts) {
    if (!isWithin(path, mount.mountPoint)) continue;
    if (found && mount.mountPoint.length < found.mountPoint.length) continue;
    found = mount;
  }
  if (found === undefined) throw new Error(`Cannot find the mount of ${path}`);
  return found;
}

/** Whether a path is the directory or lies below it. Both must be without links. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory ||
    path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

/** Decodes blanks, tabs, line ends and backslashes, which mountinfo has in octal. */
function unescape(word: string): string {
  if (!word.includes("\\")) return word;
  // A name may contain any bytes: an octal number is a byte, not a character.
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part, octal] of word.matchAll(/\\([0-7]{3})|[^\\]+|\\/g)) {
    if (octal === undefined) bytes.push(...encoder.encode(part));
    else bytes.push(parseInt(octal, 8));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
