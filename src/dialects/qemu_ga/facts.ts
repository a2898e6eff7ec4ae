/**
 * Facts of the guest that hosts ask for: its system, name, time zone, users and filesystems.
 * @module
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname, machine, release, version } from "node:os";
import { basename } from "node:path";
import { reachability } from "../../linux/disks.ts";
import { filesystemSize } from "../../linux/filesystem_size.ts";
import { isOnDisk } from "../../linux/filesystem_types.ts";
import { type Mount, readMounts } from "../../linux/mountinfo.ts";
import { resultUnless } from "../../util/errors.ts";

/** The files with the name of the system, os-release(5). */
const OS_RELEASE = ["/etc/os-release", "/usr/lib/os-release"];

/** The names of the fields in a reply, by their names in the file. */
const OS_FIELDS: Readonly<Record<string, string>> = {
  ID: "id",
  NAME: "name",
  PRETTY_NAME: "pretty-name",
  VERSION: "version",
  VERSION_ID: "version-id",
  VARIANT: "variant",
  VARIANT_ID: "variant-id",
};

/** The longest wait for the size of a filesystem, in milliseconds. */
const SIZE_MS = 1000;

/** The kernel, and the names in os-release. */
export function operatingSystem(): Record<string, string> {
  const text =
    OS_RELEASE.map((path) =>
      resultUnless(["ENOENT"], () => readFileSync(path, "utf8"))
    ).find((text) => text !== undefined) ?? "";
  return {
    "kernel-release": release(),
    "kernel-version": version(),
    machine: machine(),
    ...osFields(text),
  };
}

/** Parses os-release: assignments as in a shell. */
export function osFields(text: string): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, key, value] = /^([A-Z_]+)=(.*)$/.exec(line.trim()) ?? [];
    const field = key === undefined ? undefined : OS_FIELDS[key];
    if (field === undefined) continue;
    const [, , quoted] = /^(["'])(.*)\1$/.exec(value) ?? [];
    fields[field] = (quoted ?? value).replace(/\\([\\"'$`])/g, "$1");
  }
  return fields;
}

/** The name of this host. */
export function hostName(): string {
  return hostname();
}

/** The time zone now: its abbreviation, and its seconds east of UTC. */
export function timeZone(): { zone?: string; offset: number } {
  const now = new Date();
  const format = new Intl.DateTimeFormat("en", { timeZoneName: "short" });
  const zone = format.formatToParts(now)
    .find(({ type }) => type === "timeZoneName")?.value;
  return { ...zone && { zone }, offset: 0 - 60 * now.getTimezoneOffset() };
}

/** A user that is logged in. */
interface User {
  readonly user: string;
  /** Seconds since 1970. */
  readonly "login-time": number;
}

/** The users that are logged in, each once, as utmp(5) has them. */
export function users(path: unknown = "/run/utmp"): User[] {
  const file = typeof path === "string" ? path : "/run/utmp";
  const bytes = resultUnless(["ENOENT"], () => readFileSync(file));
  return bytes === undefined ? [] : usersIn(bytes, machine() === "x86_64");
}

/**
 * Parses struct utmp of glibc. On x86-64, the time has 32 bits, as on x86; on arm64, all is 64 bits
 * wide.
 */
export function usersIn(bytes: Uint8Array, narrow: boolean): User[] {
  const USER_PROCESS = 7;
  const [size, at] = narrow ? [384, 340] : [400, 344];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = new Map<string, number>();
  for (let entry = 0; entry + size <= bytes.length; entry += size) {
    if (view.getInt16(entry, true) !== USER_PROCESS) continue;
    const name = bytes.subarray(entry + 44, entry + 76);
    const end = name.indexOf(0);
    const user = new TextDecoder().decode(
      end === -1 ? name : name.subarray(0, end),
    );
    const seconds = narrow
      ? view.getInt32(entry + at, true) +
        view.getInt32(entry + at + 4, true) / 1e6
      : Number(view.getBigInt64(entry + at, true)) +
        Number(view.getBigInt64(entry + at + 8, true)) / 1e6;
    const before = first.get(user) ?? Infinity;
    first.set(user, Math.min(before, seconds));
  }
  return [...first].map(([user, time]) => ({ user, "login-time": time }));
}

/** The filesystems on disks. The host knows the disks themselves. */
export async function filesystems(): Promise<unknown[]> {
  const mounts = readMounts();
  const answers = reachability(mounts);
  return await Promise.all(
    mounts.filter(isOnDisk).map(async (mount) => ({
      name: deviceName(mount),
      mountpoint: mount.mountPoint,
      type: mount.type,
      disk: [],
      ...answers(mount) ? await sizeOf(mount) : {},
    })),
  );
}

/** The kernel's name of the device, or its numbers. */
function deviceName({ device }: Mount): string {
  try {
    return basename(readlinkSync(`/sys/dev/block/${device}`));
  } catch {
    return device; // a filesystem without a block device, such as btrfs
  }
}

async function sizeOf(
  { mountPoint, device }: Mount,
): Promise<Record<string, number>> {
  try {
    // A disk that does not answer must not block the reply.
    const size = await filesystemSize(mountPoint, SIZE_MS, device);
    if (size === undefined) return {};
    const { blocks, bfree, bavail, bsize } = size;
    const used = blocks - bfree;
    return {
      "used-bytes": used * bsize,
      // As df(1): without what only root may use.
      "total-bytes": (used + bavail) * bsize,
    };
  } catch {
    return {}; // unmounted since, or not readable: the sizes are optional
  }
}
