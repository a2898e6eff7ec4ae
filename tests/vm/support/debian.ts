/**
 * A whole Debian with systemd, databases and a workload, made by debootstrap. Its root filesystem
 * is a disk of each machine, and dpkg has installed Lull's package in it.
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
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { guestKernel, VETH_MODULE } from "./kernel.ts";
import { cacheDir, guestDir } from "./paths.ts";
import { run } from "./run.ts";
import { addFile, addText } from "./tree.ts";

/** The release, whose PostgreSQL has the version 15. */
const RELEASE = "bookworm";

const PACKAGES = [
  ...["systemd-sysv", "udev", "dbus", "iproute2", "busybox-static"],
  ...["postgresql", "redis-server", "python3-minimal", "openssh-server"],
  // For the tests of the network identity. debootstrap does not find what polkitd needs.
  ...["systemd-resolved", "network-manager", "isc-dhcp-client"],
  "libpam-systemd",
];

/** What a guest of a test does not need, and makes the image and the copies of it larger. */
const UNNEEDED = [
  ...["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"],
  ...["var/cache/apt", "var/lib/apt/lists"],
];

/** The units that the test's image enables. Those of packages are enabled already. */
const UNITS = ["systemd-networkd", "helper", "worker"];

/** Units that a guest of a test does not need, and whose start takes an emulated processor long. */
const MASKED = [
  ...["getty@tty1.service", "serial-getty@ttyS0.service"],
  ...["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer"],
  ...["e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer"],
];

/** Units of packages that only some tests start. */
const DISABLED = [
  ...["NetworkManager", "NetworkManager-wait-online", "systemd-resolved"],
  ...["NetworkManager-dispatcher", "ModemManager"],
];

const base = join(cacheDir, "debian");
/** What the base was made of: a base of other packages is made again. */
const stamp = `${base}.stamp`;
const CONTENT = `${[RELEASE, ...PACKAGES].join("\n")}\n`;

/** Puts a Debian into the cache. Takes minutes, once. */
export function ensureDebian(say: (line: string) => void): void {
  if (existsSync(base) && existsSync(stamp)) {
    if (readFileSync(stamp, "utf8") === CONTENT) return;
  }
  if (process.getuid?.() !== 0) {
    throw new Error("Cannot make a Debian guest: debootstrap needs root");
  }
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "fetch-"));
  try {
    say(`vm-deps: debootstrap ${RELEASE}`);
    const tree = join(work, "tree");
    // In a mount namespace: debootstrap's mount of /proc goes with it, whatever ends it.
    run("unshare", [
      ...["--mount", "--fork", "--kill-child", "debootstrap"],
      ...["--variant=minbase", `--include=${PACKAGES.join(",")}`],
      ...[RELEASE, tree],
    ]);
    for (const path of UNNEEDED) {
      rmSync(join(tree, path), { recursive: true, force: true });
    }
    makeBench(tree);
    rmSync(base, { recursive: true, force: true });
    renameSync(tree, base);
    writeFileSync(stamp, CONTENT);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Makes the database of the test, on this machine: in an emulated guest it takes a minute. */
function makeBench(tree: string): void {
  const postgres = "/usr/lib/postgresql/15";
  const data = "/var/lib/postgresql/15/main";
  const config = "config_file=/etc/postgresql/15/main/postgresql.conf";
  const script = `set -e
mkdir -p /run/postgresql && chown postgres /run/postgresql
run() { setpriv --reuid postgres --regid postgres --init-groups "$@"; }
cd /
run ${postgres}/bin/pg_ctl -D ${data} -o "-c ${config} -c listen_addresses=" -w -l /tmp/log start
run ${postgres}/bin/createdb bench
run ${postgres}/bin/pgbench -q -i -s 1 bench
run ${postgres}/bin/pg_ctl -D ${data} -w stop
rm -rf /run/postgresql /tmp/log`;
  run("chroot", [tree, "/bin/sh", "-c", script]);
}

/** The inputs of the image beside those of every image. */
export function debianInputs(): string[] {
  return [stamp, join(base, "var/lib/dpkg/status")];
}

/** Makes the tree of the guest, in which dpkg installs the package of the agent. */
export function buildDebianTree(tree: string, deb: string): void {
  run("cp", ["--archive", base, tree]);
  addFile(tree, "/lull.deb", deb);
  run("chroot", [tree, "dpkg", "--install", "/lull.deb"]);
  rmSync(join(tree, "lull.deb"));
  // After the package, whose configuration has no options.
  cpSync(join(guestDir, "debian"), tree, { recursive: true });
  const helper = "/srv/helper/cgi-bin/exec";
  addFile(tree, helper, join(guestDir, "exec.sh"), 0o755);
  const veth = `${VETH_MODULE}.ko`;
  addFile(tree, `/srv/${veth}`, join(guestKernel().modules, veth));
  addText(tree, "/etc/hostname", "guest\n");
  addText(tree, "/etc/hosts", "127.0.0.1 localhost guest\n");
  const wants = join(tree, "etc/systemd/system/multi-user.target.wants");
  for (const unit of UNITS) {
    const name = `${unit}.service`;
    const own = existsSync(join(tree, "etc/systemd/system", name));
    const folder = own ? "/etc/systemd/system" : "/usr/lib/systemd/system";
    symlinkSync(join(folder, name), join(wants, name));
  }
  for (const unit of DISABLED) {
    for (const folder of ["multi-user", "sysinit", "network-online"]) {
      const name = `etc/systemd/system/${folder}.target.wants/${unit}.service`;
      rmSync(join(tree, name), { force: true });
    }
  }
  // Otherwise it has link-local addresses and profiles of its own for each interface.
  addText(
    tree,
    "/etc/NetworkManager/conf.d/test.conf",
    "[main]\nno-auto-default=*\nplugins=keyfile\n",
  );
  for (const name of MASKED) {
    symlinkSync("/dev/null", join(tree, "etc/systemd/system", name));
  }
}
