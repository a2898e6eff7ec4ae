/**
 * The guest's kernel, taken out of Debian's package without installing it.
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

/** The first one that is there is taken; where 6.12 is the release's own kernel only the second is. */
const KERNEL_PACKAGES = [
  "linux-image-6.12-cloud-amd64",
  "linux-image-cloud-amd64",
];

/** The modules of the guest in the order in which they load; each needs only those before it. */
export const MODULES: readonly string[] = [
  "virtio_blk",
  "overlay",
  "failover",
  "net_failover",
  "virtio_net",
  "virtio_balloon",
  "virtio-rng",
  "ptp_kvm",
  "inet_diag",
  "tcp_diag",
];

/** The modules of vsock in the order in which they load. The test of vsock loads them itself. */
export const VSOCK_MODULES: readonly string[] = [
  "vsock",
  "vmw_vsock_virtio_transport_common",
  "vmw_vsock_virtio_transport",
  "vsock_loopback",
];

const CACHED = [...MODULES, ...VSOCK_MODULES];

const kernelDir = join(cacheDir, "kernel");

/** The kernel in the cache, or undefined. */
export function cachedKernel(): GuestKernel | undefined {
  const stamp = join(kernelDir, "version");
  if (!existsSync(stamp)) return undefined;
  const modules = join(kernelDir, "modules");
  const complete = CACHED.every((name) =>
    existsSync(join(modules, `${name}.ko`))
  );
  if (!complete) return undefined;
  const version = readFileSync(stamp, "utf8").trim();
  return { version, image: join(kernelDir, "vmlinuz"), modules };
}

/** The kernel that `make vm-deps` has put into the cache; an Error that names the command if it has not. */
export function guestKernel(): GuestKernel {
  const kernel = cachedKernel();
  if (kernel) return kernel;
  throw new Error(
    "Cannot find the guest kernel: the cache has none, run `make vm-deps` first",
  );
}

/** The real package behind a meta package: its only dependency of that kind. */
function realKernelPackage(meta: string): string | undefined {
  let depends: string;
  try {
    depends = runText("apt-cache", ["depends", "--important", meta]);
  } catch {
    // apt-cache fails for an unknown package; the caller tries the next name.
    return undefined;
  }
  const match = /linux-image-(\d+)\.(\d+)\S*-cloud-amd64/.exec(
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

function unpackKernel(pkg: string): void {
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "fetch-"));
  try {
    run("apt-get", ["-qq", "download", pkg], { cwd: work });
    const [archive] = findFiles(work, ".deb");
    const tree = join(work, "tree");
    run("dpkg-deb", ["-x", archive, tree]);
    const out = join(work, "out");
    mkdirSync(join(out, "modules"), { recursive: true });
    const packed = findFiles(tree, ".ko.xz");
    for (const name of CACHED) {
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

/** Puts the kernel into the cache; `update` gets apt its lists, where it can. */
export function fetchKernel(
  update: () => void,
  say: (line: string) => void,
): GuestKernel {
  if (which("apt-get") === undefined || which("dpkg-deb") === undefined) {
    throw new Error(
      `Cannot fetch the guest kernel ${
        KERNEL_PACKAGES[0]
      }: this system has no apt-get or no dpkg-deb`,
    );
  }
  update();
  const pkg = KERNEL_PACKAGES.map(realKernelPackage).find(Boolean);
  if (!pkg) {
    throw new Error(
      `Cannot fetch the guest kernel: apt knows neither ${
        KERNEL_PACKAGES.join(" nor ")
      } with Linux 6.12 or newer`,
    );
  }
  say(`vm-deps: fetching ${pkg}`);
  unpackKernel(pkg);
  const kernel = guestKernel();
  say(`vm-deps: guest kernel ${kernel.version} is in the cache`);
  return kernel;
}
