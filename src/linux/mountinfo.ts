/**
 * /proc/self/mountinfo (proc_pid_mountinfo(5)): what is mounted where.
 * @module
 */
import { readFileSync } from "node:fs";

/** One mount, in the kernel's order: later ones may cover earlier ones. */
export interface Mount {
  readonly id: number;
  /** The id of the mount that this one is mounted on. */
  readonly parent: number;
  /** The device of its filesystem, `MAJOR:MINOR`. */
  readonly device: string;
  /** The directory of its filesystem that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
  readonly type: string;
  readonly source: string;
  /** Whether both the mount and its filesystem can be written. */
  readonly writable: boolean;
}

/** All mounts that this process sees. */
export function readMounts(): Mount[] {
  return parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8"));
}

/** The id of the mount that an open file lies on (proc_pid_fdinfo(5)). */
export function mountIdOf(fd: number): number {
  const text = readFileSync(`/proc/self/fdinfo/${fd}`, "latin1");
  return Number(/^mnt_id:\s*(\d+)$/m.exec(text)?.[1]);
}

/** The mount that an open file lies on; undefined if it is no longer mounted. */
export function mountOfDescriptor(fd: number): Mount | undefined {
  const id = mountIdOf(fd);
  return readMounts().find((mount) => mount.id === id);
}

/** Reads the text of mountinfo; fails on a line that is not of its form. */
export function parseMountinfo(text: string): Mount[] {
  return text.split("\n").filter((line) => line !== "").map((line) => {
    const words = line.split(" ");
    // Optional fields end with a single "-".
    const dash = words.indexOf("-", 6);
    const [type, source, superOptions] = words.slice(dash + 1);
    if (dash === -1 || superOptions === undefined) {
      throw new Error(`Cannot read mountinfo: ${JSON.stringify(line)}`);
    }
    const options = words[5];
    return {
      id: Number(words[0]),
      parent: Number(words[1]),
      device: words[2],
      root: unescape(words[3]),
      mountPoint: unescape(words[4]),
      type,
      source: unescape(source),
      writable: [options, superOptions].every((list) =>
        list.split(",").includes("rw")
      ),
    };
  });
}

/** The mount that a path without links lies on: the deepest, then the latest. */
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

/** Whether a path is that directory or lies below it; both without links. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory ||
    path.startsWith(directory.endsWith("/") ? directory : `${directory}/`);
}

/** Blanks, tabs, line ends and backslashes are written in octal. */
function unescape(word: string): string {
  if (!word.includes("\\")) return word;
  // A name may be any bytes: octal stands for one byte, not for one character.
  const bytes: number[] = [];
  const encoder = new TextEncoder();
  for (const [part, octal] of word.matchAll(/\\([0-7]{3})|[^\\]+|\\/g)) {
    if (octal === undefined) bytes.push(...encoder.encode(part));
    else bytes.push(parseInt(octal, 8));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}
