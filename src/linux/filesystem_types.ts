/**
 * Types of filesystems, as /proc/self/mountinfo names them. The type comes from
 * the kernel; the source of a mount is whatever the program that mounted it says.
 * @module
 */

/**
 * A program in the guest (FUSE), the host (virtiofs, 9p) or a server answers for
 * them, or the other nodes of a cluster (gfs2, ocfs2): each call may wait for ever.
 */
const FOREIGN = new Set([
  ...["fuse", "fuseblk", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "smbfs"],
  ...["9p", "ceph", "afs", "lustre", "glusterfs", "gfs2", "ocfs2", "orangefs"],
  ...["coda", "ncpfs", "pvfs2", "beegfs", "gpfs", "mmfs", "panfs", "vboxsf"],
  ...["vmhgfs", "prl_fs", "davfs", "sshfs"],
]);

/** On disks, though the device number of the mount is none of a disk. */
const ON_DISKS = new Set(["btrfs", "bcachefs", "zfs", "ubifs"]);

/** Whether a program outside the kernel answers for a filesystem of this type. */
export function isForeign(type: string): boolean {
  return FOREIGN.has(type) || type.startsWith("fuse.");
}

/**
 * Whether a path that leads through a filesystem of this type may wait for
 * a program outside the kernel: a foreign one, or an automounter.
 */
export function mayNotAnswer(type: string): boolean {
  return type === "autofs" || isForeign(type);
}

/**
 * Whether no kernel can freeze a filesystem of this type (FIFREEZE): FUSE has no
 * call for it.
 */
export function neverFreezes(type: string): boolean {
  return type === "fuse" || type === "fuseblk" || type === "virtiofs" ||
    type.startsWith("fuse.");
}

/**
 * Whether a filesystem lies on a disk of this machine. One that is stacked on
 * others (overlay, ecryptfs) does not: those others do.
 */
export function isOnDisk(
  { type, device }: { readonly type: string; readonly device: string },
): boolean {
  return !isForeign(type) && (!device.startsWith("0:") || ON_DISKS.has(type));
}
