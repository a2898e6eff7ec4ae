/**
 * The guest's kernel, taken out of Debian's package without installing it. Each kind of guest names
 * its kernel.
 * @module
 */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ForeignApt } from "./apt.ts";
import type { KernelKind } from "./guests.ts";
import { cacheDir } from "./paths.ts";
import { run, runText, which } from "./run.ts";

/** The guest's kernel, unpacked. */
export interface GuestKernel {
  /** As `uname -r` says. */
  readonly version: string;
  readonly image: string;
  /** The folder with the modules as `name.ko`. */
  readonly modules: string;
}

/** The packages of each kernel: the first one that exists and is new enough is taken. */
const PACKAGES: Readonly<Record<KernelKind, readonly string[]>> = {
  amd64: ["linux-image-6.12-cloud-amd64", "linux-image-cloud-amd64"],
  arm64: ["linux-image-6.12-cloud-arm64", "linux-image-cloud-arm64"],
  "arm64-16k": ["linux-image-6.12-arm64-16k", "linux-image-arm64-16k"],
};

/** The modules of all guests in the order in which they load; each needs only those before it. */
const MODULES: readonly string[] = [
  "virtio_blk",
  "overlay",
  "failover",
  "net_failover",
  "virtio_net",
  "virtio_balloon",
  "virtio-rng",
  "inet_diag",
  "tcp_diag",
];

/** What else is a module in one kernel, and built into the others. */
const MORE_MODULES: Readonly<Record<KernelKind, readonly string[]>> = {
  amd64: ["ptp_kvm"],
  arm64: [],
  "arm64-16k": ["crc16", "crc32c_generic", "mbcache", "jbd2", "ext4"],
};

/** The modules of vsock in the order in which they load. The test of vsock loads them itself. */
export const VSOCK_MODULES: readonly string[] = [
  "vsock",
  "vmw_vsock_virtio_transport_common",
  "vmw_vsock_virtio_transport",
  "vsock_loopback",
];

/** The module of cables inside a guest, for tests that need a second network. */
export const VETH_MODULE = "veth";

/** The modules of a guest with this kernel, in the order in which they load. */
export function modulesOf(kind: KernelKind): readonly string[] {
  return [...MORE_MODULES[kind], ...MODULES];
}

/** The modules that the cache has. */
function cachedModules(kind: KernelKind): readonly string[] {
  const more = kind === "amd64" ? [...VSOCK_MODULES, VETH_MODULE] : [];
  return [...modulesOf(kind), ...more];
}

function dirOf(kind: KernelKind): string {
  return join(cacheDir, kind === "amd64" ? "kernel" : `kernel-${kind}`);
}

/** The kernel in the cache, or undefined. */
export function cachedKernel(
  kind: KernelKind = "amd64",
): GuestKernel | undefined {
  const kernelDir = dirOf(kind);
  const stamp = join(kernelDir, "version");
  if (!existsSync(stamp)) return undefined;
  const modules = join(kernelDir, "modules");
  const complete = cachedModules(kind).every((name) =>
    existsSync(join(modules, `${name}.ko`))
  );
  if (!complete) return undefined;
  const version = readFileSync(stamp, "utf8").trim();
  return { version, image: join(kernelDir, "vmlinuz"), modules };
}

/** The kernel that `make vm-deps` has put into the cache; an Error that names the command if it has not. */
export function guestKernel(kind: KernelKind = "amd64"): GuestKernel {
  const kernel = cachedKernel(kind);
  if (kernel) return kernel;
  throw new Error(
    `Cannot find the guest kernel ${kind}: the cache has none, run \`make vm-deps\` first`,
  );
}

/** The apt that knows the packages of a kernel. */
interface Apt {
  cache(...words: string[]): string;
  download(pkg: string, into: string): string;
}

const ownApt: Apt = {
  cache: (...words) => runText("apt-cache", words),
  download(pkg, into) {
    run("apt-get", ["-qq", "download", pkg], { cwd: into });
    return findFiles(into, ".deb")[0];
  },
};

/** The real package behind a meta package: its only dependency of that kind. */
function realKernelPackage(apt: Apt, meta: string): string | undefined {
  let depends: string;
  try {
    depends = apt.cache("depends", "--important", meta);
  } catch {
    // apt-cache fails for an unknown package; the caller tries the next name.
    return undefined;
  }
  const match = /linux-image-(\d+)\.(\d+)\S*/.exec(
    depends.split("\n").slice(1).join("\n"),
  );
  if (!match) return undefined;
  // Debian's kernels before 6.12 have no VMGENID, the guest's evidence of a restore.
  const [name, major, minor] = match;
  return Number(major) * 1000 + Number(minor) >= 6012 ? name : undefined;
}

function findFiles(folder: string, suffix: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(suffix))
    .map((name) => join(folder, name));
}

function unpackKernel(kind: KernelKind, apt: Apt, pkg: string): void {
  const kernelDir = dirOf(kind);
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "fetch-"));
  try {
    const archive = apt.download(pkg, work);
    const tree = join(work, "tree");
    run("dpkg-deb", ["-x", archive, tree]);
    const out = join(work, "out");
    mkdirSync(join(out, "modules"), { recursive: true });
    const packed = findFiles(tree, ".ko.xz");
    for (const name of cachedModules(kind)) {
      const file = packed.find((path) => path.endsWith(`/${name}.ko.xz`));
      if (!file) {
        throw new Error(
          `Cannot take ${name} out of ${pkg}: it is not in there`,
        );
      }
      const bytes = run("xz", ["--decompress", "--stdout", file]);
      writeFileSync(join(out, "modules", `${name}.ko`), bytes);
    }
    const [image] = readdirSync(join(tree, "boot"))
      .filter((name) => name.startsWith("vmlinuz-"));
    renameSync(join(tree, "boot", image), join(out, "vmlinuz"));
    writeFileSync(
      join(out, "version"),
      `${image.slice("vmlinuz-".length)}\n`,
    );
    rmSync(kernelDir, { recursive: true, force: true });
    renameSync(out, kernelDir);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Puts the kernel into the cache; `update` gets this machine's apt its lists, where it can. */
export function fetchKernel(
  kind: KernelKind,
  update: () => void,
  say: (line: string) => void,
): GuestKernel {
  const packages = PACKAGES[kind];
  if (which("apt-get") === undefined || which("dpkg-deb") === undefined) {
    throw new Error(
      `Cannot fetch the guest kernel ${
        packages[0]
      }: this system has no apt-get or no dpkg-deb`,
    );
  }
  if (kind === "amd64") update();
  const apt = kind === "amd64" ? ownApt : new ForeignApt({ arch: "arm64" });
  const pkg = packages.map((name) => realKernelPackage(apt, name))
    .find(Boolean);
  if (!pkg) {
    throw new Error(
      `Cannot fetch the guest kernel: apt knows neither ${
        packages.join(" nor ")
      } with Linux 6.12 or newer`,
    );
  }
  say(`vm-deps: fetching ${pkg}`);
  unpackKernel(kind, apt, pkg);
  const kernel = guestKernel(kind);
  say(`vm-deps: guest kernel ${kernel.version} is in the cache`);
  return kernel;
}
