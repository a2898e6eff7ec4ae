/**
 * Gets what a virtual machine needs: programs out of Debian packages, and the
 * guest kernel out of Debian's package, which need not be installed. Some kinds of
 * guests need more; each gets it only if it is asked for.
 * `bun run tests/vm/support/deps.ts [KIND OF GUEST ...]`
 * @module
 */
import { readFileSync } from "node:fs";
import { ensureDebian } from "./debian.ts";
import { type GuestKind, GUESTS, isGuestKind } from "./guests.ts";
import { cachedKernel, fetchKernel, type GuestKernel } from "./kernel.ts";
import { ensureLibraries } from "./libraries.ts";
import { run, which } from "./run.ts";

/** A program, and its Debian package. */
type Tool = readonly [program: string, pkg: string];

/** The programs that all machines need. */
const TOOLS: readonly Tool[] = [
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["mke2fs", "e2fsprogs"],
  ["busybox", "busybox-static"],
  ["cpio", "cpio"],
  ["xz", "xz-utils"],
  ["setpriv", "util-linux"],
  ["bash", "bash"],
  ["sqlite3", "sqlite3"],
  // beside the forwarder in the bench
  ["socat", "socat"],
];

const ARM64_TOOLS: readonly Tool[] = [
  ["qemu-system-aarch64", "qemu-system-arm"],
  ["fdtput", "device-tree-compiler"],
];

/** The programs that a kind of guest needs beside them. */
const MORE_TOOLS: Readonly<Record<GuestKind, readonly Tool[]>> = {
  glibc: [],
  musl: [],
  arm64: ARM64_TOOLS,
  "arm64-16k": ARM64_TOOLS,
  "arm64-musl": ARM64_TOOLS,
  debian: [["debootstrap", "debootstrap"], ["qemu-img", "qemu-utils"]],
};

/** Whether a program was linked without a dynamic loader: the guest has none for it. */
function isStatic(program: string): boolean {
  return !readFileSync(program).includes("/lib64/ld-linux-x86-64.so.2");
}

/** The Debian packages of the programs that this machine lacks. */
export function missingPackages(kind: GuestKind = "glibc"): string[] {
  return [...TOOLS, ...MORE_TOOLS[kind]].filter(([program]) => {
    const path = which(program);
    if (path === undefined) return true;
    return program === "busybox" && !isStatic(path);
  }).map(([, pkg]) => pkg);
}

/**
 * Makes sure that the programs and the kernel are there; says what it does. An
 * Error of one sentence where it cannot: no root, no apt, no such package.
 */
export function ensureDeps(
  say: (line: string) => void = console.log,
  kind: GuestKind = "glibc",
): GuestKernel {
  if (process.arch !== "x64" || process.platform !== "linux") {
    throw new Error(
      `Cannot run a virtual machine: this is ${process.platform} on ${process.arch}, not linux on x64`,
    );
  }
  const packages = missingPackages(kind);
  let updated = false;
  function update(): void {
    if (updated || process.getuid?.() !== 0) return;
    say("vm-deps: apt-get update");
    run("apt-get", ["-qq", "update"]);
    updated = true;
  }
  if (packages.length > 0) {
    const names = packages.join(" ");
    if (which("apt-get") === undefined) {
      throw new Error(
        `Cannot install ${names}: this system has no apt-get, install what they are called here`,
      );
    }
    if (process.getuid?.() !== 0) {
      throw new Error(
        `Cannot install ${names}: not root, run \`apt-get install ${names}\` as root first`,
      );
    }
    update();
    say(`vm-deps: apt-get install ${names}`);
    run("apt-get", [
      "-qq",
      "install",
      "--yes",
      "--no-install-recommends",
      ...packages,
    ], { env: { DEBIAN_FRONTEND: "noninteractive" } });
    const still = missingPackages(kind);
    if (still.length > 0) {
      throw new Error(
        `Cannot use ${
          still.join(" ")
        }: installed, but the program is not found`,
      );
    }
  }
  ensureLibraries(kind, say);
  if (kind === "debian") ensureDebian(say);
  const { kernel } = GUESTS[kind];
  const cached = cachedKernel(kernel);
  if (cached) {
    say(`vm-deps: all there, guest kernel ${cached.version}`);
    return cached;
  }
  return fetchKernel(kernel, update, say);
}

if (import.meta.main) {
  try {
    const kinds = process.argv.slice(2);
    for (const kind of kinds.length === 0 ? ["glibc"] : kinds) {
      if (!isGuestKind(kind)) throw new Error(`no guest is named ${kind}`);
      ensureDeps(console.log, kind);
    }
  } catch (error) {
    console.error(`vm-deps: ${error instanceof Error ? error.message : error}`);
    process.exit(1);
  }
}
