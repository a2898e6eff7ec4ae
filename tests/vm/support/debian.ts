/**
 * A whole Debian with systemd, databases and a workload, made by debootstrap. Its root filesystem
 * is a disk of each machine, and Lull is in it as `lull install` puts it there.
 * @module
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { cacheDir, guestDir } from "./paths.ts";
import { run, runText } from "./run.ts";
import { addFile, addText } from "./tree.ts";

const PACKAGES = [
  ...["systemd-sysv", "udev", "dbus", "iproute2", "busybox-static"],
  ...["postgresql", "redis-server", "python3-minimal"],
];

/** What a guest of a test does not need, and makes the image and the copies of it larger. */
const UNNEEDED = [
  ...["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"],
  ...["var/cache/apt", "var/lib/apt/lists"],
];

/** The units that the test's image enables. Those of packages are enabled already. */
const UNITS = ["systemd-networkd", "helper", "worker"];

const base = join(cacheDir, "debian");

/** Puts a Debian of this machine's release into the cache. Takes minutes, once. */
export function ensureDebian(say: (line: string) => void): void {
  if (existsSync(base)) return;
  if (process.getuid?.() !== 0) {
    throw new Error("Cannot make a Debian guest: debootstrap needs root");
  }
  const release = /^VERSION_CODENAME=(\w+)$/m
    .exec(readFileSync("/etc/os-release", "utf8"))?.[1] ?? "stable";
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "fetch-"));
  try {
    say(`vm-deps: debootstrap ${release}`);
    const tree = join(work, "tree");
    run("debootstrap", [
      ...["--variant=minbase", `--include=${PACKAGES.join(",")}`],
      ...[release, tree],
    ]);
    for (const path of UNNEEDED) {
      rmSync(join(tree, path), { recursive: true, force: true });
    }
    renameSync(tree, base);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The inputs of the image beside those of every image. */
export function debianInputs(): string[] {
  return [join(base, "var/lib/dpkg/status")];
}

/** Makes the tree of the guest, and installs the agent with the agent's own command. */
export function buildDebianTree(tree: string, binary: string): void {
  run("cp", ["--archive", base, tree]);
  cpSync(join(guestDir, "debian"), tree, { recursive: true });
  const helper = "/srv/helper/cgi-bin/exec";
  addFile(tree, helper, join(guestDir, "exec.sh"), 0o755);
  addText(tree, "/etc/hostname", "guest\n");
  addText(tree, "/etc/hosts", "127.0.0.1 localhost guest\n");
  const wants = join(tree, "etc/systemd/system/multi-user.target.wants");
  for (const unit of UNITS) {
    const name = `${unit}.service`;
    const own = existsSync(join(tree, "etc/systemd/system", name));
    const folder = own ? "/etc/systemd/system" : "/usr/lib/systemd/system";
    symlinkSync(join(folder, name), join(wants, name));
  }
  runText(binary, ["install", "--root", tree]);
}
