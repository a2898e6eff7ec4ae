/**
 * Mounts filesystems and binds files: mount(2), umount2(2). The kernel finds the paths while the
 * main thread waits: call these functions only with paths that have just answered a call on
 * another thread.
 * @module
 */
import { checked, type Libc, requireSymbol } from "./libc.ts";

/** linux/mount.h */
const MS_NOSUID = 2n;
const MS_NODEV = 4n;
const MS_NOEXEC = 8n;
const MS_BIND = 4096n;
/** The mount disappears at once, and is freed when nothing uses it. */
const MNT_DETACH = 2;

/** Mounts a file over another one. Throws a SystemCallError (needs CAP_SYS_ADMIN). */
export function bindMount(libc: Libc, source: string, target: string): void {
  const mount = requireSymbol(libc, "mount");
  const result = mount(text(source), text(target), null, MS_BIND, null);
  checked(libc, result, "mount a file over", target);
}

/** Mounts a ramfs, whose pages never go to swap, at a directory; programs in it do not run. */
export function mountRamfs(
  libc: Libc,
  target: string,
  mode: string,
): void {
  const mount = requireSymbol(libc, "mount");
  const result = mount(
    text("lull"),
    text(target),
    text("ramfs"),
    MS_NOSUID | MS_NODEV | MS_NOEXEC,
    text(`mode=${mode}`),
  );
  checked(libc, result, "mount a ramfs at", target);
}

/** Removes the mount that is on top at the path. Throws a SystemCallError. */
export function unmount(libc: Libc, target: string): void {
  const result = requireSymbol(libc, "umount2")(text(target), MNT_DETACH);
  checked(libc, result, "unmount", target);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}
