/**
 * Whether a call on a path may wait for ever, for a path that a program in the
 * guest names: a program can mount a FUSE filesystem and never answer for it.
 * @module
 */
import { readlinkSync } from "node:fs";
import { join } from "node:path";
import { mayNotAnswer } from "./filesystem_types.ts";
import { type Mount, mountOf, readMounts } from "./mountinfo.ts";

/** The number of links that the kernel follows in one path (path_resolution(7)). */
const MOST_LINKS = 40;

/**
 * The first mount on the way that may not answer; undefined if there is none. No
 * call is made on such a mount. /proc counts as one: its links to the roots and
 * files of processes lead anywhere, and do not say where.
 */
export function obstacleTo(
  path: string,
  mounts: readonly Mount[] = readMounts(),
): Mount | undefined {
  const names = path.split("/");
  let at = "/";
  let links = 0;
  for (let name; (name = names.shift()) !== undefined;) {
    const next = join(at, name);
    const mount = mountOf(next, mounts);
    if (mount.type === "proc" || mayNotAnswer(mount.type)) return mount;
    const link = linkOf(next);
    if (link === undefined) {
      at = next;
      continue;
    }
    if (++links > MOST_LINKS) return undefined; // the kernel fails: ELOOP
    if (link.startsWith("/")) at = "/";
    names.unshift(...link.split("/"));
  }
  return undefined;
}

/** Where a link leads; undefined for what is no link, or does not exist. */
function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
