/**
 * The files of a guest's identity, in a directory, as Debian and others have them.
 */
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

export const MACHINE_ID = "0123456789abcdef0123456789abcdef";
const INSTANCE = "i-0abc";

/** The files, and what each has before a renewal. */
export const FILES: Readonly<Record<string, string>> = {
  "/etc/machine-id": `${MACHINE_ID}\n`,
  "/var/lib/systemd/random-seed": "s".repeat(512),
  "/var/lib/cloud/data/instance-id": `${INSTANCE}\n`,
  "/var/lib/cloud/data/previous-instance-id": "NO_PREVIOUS_INSTANCE_ID\n",
  "/run/cloud-init/.instance-id": `${INSTANCE}\n`,
  "/run/cloud-init/instance-data.json":
    `{"v1": {"instance_id": "${INSTANCE}"}, "ds": {"instance-id": "${INSTANCE}"}}\n`,
  "/var/lib/dhcpcd/duid": "00:01:00:01:2c:00:00:00:02:00:00:00:00:01\n",
  "/var/lib/dhcp/dhclient6.eth0.leases":
    'default-duid "\\000\\001\\000\\001";\nlease6 { }\n',
  "/proc/sys/kernel/random/boot_id": "11111111-2222-4333-8444-555555555555\n",
};

/** Makes the tree; with `dbus`, /var/lib/dbus/machine-id is a link or a file. */
export function makeTree(root: string, dbus: "link" | "file" = "link"): void {
  for (const [file, text] of Object.entries(FILES)) {
    const path = join(root, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  chmodSync(join(root, "/etc/machine-id"), 0o444);
  chmodSync(join(root, "/var/lib/systemd/random-seed"), 0o600);
  mkdirSync(join(root, "var/lib/dbus"), { recursive: true });
  const dbusFile = join(root, "var/lib/dbus/machine-id");
  if (dbus === "link") symlinkSync("../../../etc/machine-id", dbusFile);
  else writeFileSync(dbusFile, `${MACHINE_ID}\n`);
}

/** Makes host keys of these types, and gives their public parts. */
export function makeHostKeys(root: string, types: readonly string[]): string[] {
  const directory = join(root, "etc/ssh");
  mkdirSync(directory, { recursive: true });
  return types.map((type) => {
    const path = join(directory, `ssh_host_${type}_key`);
    const { status, stderr } = spawnSync("ssh-keygen", [
      ...["-q", "-t", type, "-N", "", "-C", "root@template", "-f", path],
    ], { encoding: "utf8" });
    if (status !== 0) throw new Error(`Cannot make a host key: ${stderr}`);
    return readFileSync(`${path}.pub`, "utf8");
  });
}

/** What a file has, and its permissions; undefined if there is none. */
export function fileAt(
  root: string,
  file: string,
): { text: string; mode: string } | undefined {
  const path = join(root, file);
  if (!existsSync(path)) return undefined;
  const mode = (statSync(path).mode & 0o777).toString(8);
  return { text: readFileSync(path, "latin1"), mode };
}
