/**
 * FIFREEZE and FITHAW (linux/fs.h). A frozen filesystem is consistent on its disk, and writes to it
 * wait for the thaw. Both calls need CAP_SYS_ADMIN.
 * @module
 */
import { closeSync, constants, openSync } from "node:fs";
import { errorText, hasCode } from "../util/errors.ts";
import {
  lastError,
  type Libc,
  requireSymbol,
  type SystemCallError,
} from "./libc.ts";
import { mountOfDescriptor } from "./mountinfo.ts";

/** _IOWR('X', 119, int) and _IOWR('X', 120, int) of linux/fs.h. */
const FIFREEZE = 0xC0045877n;
const FITHAW = 0xC0045878n;

/**
 * Freezes the filesystem of an open descriptor. Blocks until the filesystem is written to its disk,
 * which may take long. "already": another program froze it before (EBUSY). "unsupported": its kind
 * of filesystem cannot be frozen.
 */
export function freezeFilesystem(
  libc: Libc,
  fd: number,
  name: string,
): "frozen" | "already" | "unsupported" {
  const error = call(libc, fd, FIFREEZE, "freeze", name);
  if (error === undefined) return "frozen";
  if (hasCode(error, "EBUSY")) return "already";
  if (hasCode(error, "EOPNOTSUPP", "ENOTSUP", "ENOTTY")) return "unsupported";
  throw error;
}

/** Thaws the filesystem. "not frozen": it was not frozen, or another program thawed it (EINVAL). */
export function thawFilesystem(
  libc: Libc,
  fd: number,
  name: string,
): "thawed" | "not frozen" {
  const error = call(libc, fd, FITHAW, "thaw", name);
  if (error === undefined) return "thawed";
  if (hasCode(error, "EINVAL")) return "not frozen";
  throw error;
}

/** A filesystem, named by one of its mounts. The device is the one in mountinfo. */
export interface MountedAt {
  readonly mountPoint: string;
  readonly device: string;
}

/** A filesystem to freeze. */
export interface MountToFreeze extends MountedAt {
  /** Whether a filesystem of a kind that cannot be frozen is left alone; otherwise it is an error. */
  readonly ifPossible?: boolean;
}

/**
 * Opens a mount point for the calls above, without a write. May wait for ever. Throws if another
 * filesystem is mounted over the mount point.
 */
export function openMount({ mountPoint, device }: MountedAt): number {
  const fd = open(mountPoint);
  if (mountOfDescriptor(fd)?.device === device) return fd;
  closeSync(fd);
  throw new Error(
    `Cannot open mount ${mountPoint}: another filesystem is mounted over it`,
  );
}

function open(mountPoint: string): number {
  try {
    return openSync(mountPoint, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    throw new Error(`Cannot open mount ${mountPoint}: ${errorText(error)}`);
  }
}

function call(
  libc: Libc,
  fd: number,
  request: bigint,
  what: string,
  name: string,
): SystemCallError | undefined {
  return requireSymbol(libc, "ioctl")(fd, request, null) === -1
    ? lastError(libc, what, name)
    : undefined;
}
