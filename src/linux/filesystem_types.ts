/**
 * Types of filesystems, as named in /proc/self/mountinfo. Lull uses the type because the kernel
 * sets it. The source of a mount is any text that the mounting program gave.
 * @module
 */

/**
 * The types of foreign filesystems: a program in the guest (FUSE), the host (virtiofs, 9p), a
 * server or another node of a cluster (gfs2, ocfs2) answers each call, and may never answer.
 */
const FOREIGN = new Set([
  ...["fuse", "fuseblk", "virtiofs", "nfs", "nfs4", "cifs", "smb3", "smbfs"],
  ...["9p", "ceph", "afs", "lustre", "glusterfs", "gfs2", "ocfs2", "orangefs"],
  ...["coda", "ncpfs", "pvfs2", "beegfs", "gpfs", "mmfs", "panfs", "vboxsf"],
  ...["vmhgfs", "prl_fs", "davfs", "sshfs"],
]);

/** The types that lie on disks although the mount has no device number of a disk. */
const ON_DISKS = new Set(["btrfs", "bcachefs", "zfs", "ubifs"]);

/** The types of filesystems that are stacked on others, which lie on disks. */
const STACKED = new Set(["overlay", "aufs", "ecryptfs", "unionfs"]);

/** Whether a filesystem of this type is stacked on others: mountinfo does not tell on which. */
export function isStacked(type: string): boolean {
  return STACKED.has(type);
}

/** Whether a program outside the kernel answers for a filesystem of this type. */
export function isForeign(type: string): boolean {
  return FOREIGN.has(type) || type.startsWith("fuse.");
}

/**
 * Whether a call on a path through a filesystem of this type may wait for ever: the filesystem is
 * foreign, or it is an automounter.
 */
export function mayNotAnswer(type: string): boolean {
  return type === "autofs" || isForeign(type);
}

/** Whether no kernel can freeze a filesystem of this type: FUSE does not support FIFREEZE. */
export function neverFreezes(type: string): boolean {
  return type === "fuse" || type === "fuseblk" || type === "virtiofs" ||
    type.startsWith("fuse.");
}

/**
 * Whether a filesystem lies on a disk of this machine. False for a filesystem that is stacked on
 * others (overlay, ecryptfs): the others lie on the disk.
 */
export function isOnDisk(
  { type, device }: { readonly type: string; readonly device: string },
): boolean {
  return !isForeign(type) && (!device.startsWith("0:") || ON_DISKS.has(type));
}
