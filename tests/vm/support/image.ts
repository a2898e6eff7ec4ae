/**
 * Builds what a guest boots from: the root filesystem and the initramfs. Needs
 * no root. `bun run tests/vm/support/image.ts [bun|deno|none]`
 * @module
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { buildDebianTree, debianInputs } from "./debian.ts";
import { ensureDeps } from "./deps.ts";
import { fingerprint } from "./fingerprint.ts";
import { type GuestKind, GUESTS } from "./guests.ts";
import { buildInitramfs, busyboxOf } from "./initramfs.ts";
import { guestKernel } from "./kernel.ts";
import { distDir, guestDir, projectDir } from "./paths.ts";
import { run, runText, which } from "./run.ts";
import { addBusybox, addFile, addProgram, addText, treeBytes } from "./tree.ts";

/** Which agent the guest runs: the compiled binary, its script for Deno, none. */
export type Variant = "bun" | "deno" | "none";

/** What goes into an image. */
export interface ImageOptions {
  readonly variant: Variant;
  /** The kind of guest; `glibc` if not given. */
  readonly guest?: GuestKind;
  /** The folder under dist/vm; the variant's name, or the guest's, if not given. */
  readonly name?: string;
  /** The agent's binary; the guest's if not given. */
  readonly binary?: string;
  /** The folder with the agent's main.js for Deno; dist/deno if not given. */
  readonly bundle?: string;
  /** More files: path in the guest to path here. Programs bring their libraries. */
  readonly extra?: Readonly<Record<string, string>>;
}

/** What a guest boots from. */
export interface Image {
  readonly guest: GuestKind;
  readonly kernel: string;
  readonly initramfs: string;
  /** The root filesystem, never written to. */
  readonly disk: string;
  /**
   * An empty ext4 filesystem, of which each machine gets a copy as /data. For a guest with a root
   * of its own: a layer over the root filesystem, which takes all writes.
   */
  readonly data: string;
}

const SCRIPTS: Readonly<Record<string, string>> = {
  "/etc/init.d/rc": "rc.sh",
  "/etc/init.d/helper": "helper.sh",
  "/etc/init.d/lull": "lull.sh",
  "/srv/helper/cgi-bin/exec": "exec.sh",
  "/srv/tests/recorder": "recorder.sh",
  "/srv/tests/holder": "holder.sh",
};

/** Programs of this host that tests run in the guest. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "/bin/bash": "bash",
  "/usr/bin/sqlite3": "sqlite3",
};

function programPath(name: string): string {
  const path = which(name);
  if (!path) throw new Error(`Cannot build an image: there is no ${name}`);
  return path;
}

/** The real program behind `deno`, which npm wraps. */
function denoPath(): string {
  const local = join(projectDir, ".tools", "bin", "deno");
  return runText(existsSync(local) ? local : "deno", [
    "eval",
    "console.log(Deno.execPath())",
  ]);
}

function buildTree(tree: string, options: ImageOptions): void {
  const folders = "bin dev data etc opt proc root run srv sys tmp var/cache";
  for (const name of folders.split(" ")) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  const { guest = "glibc" } = options;
  const { libraries } = GUESTS[guest];
  if (libraries) {
    cpSync(libraries, tree, { recursive: true, verbatimSymlinks: true });
  }
  const busybox = busyboxOf(guest);
  addBusybox(tree, busybox.guest, busybox.own);
  symlinkSync("bin", join(tree, "sbin"));
  for (const [path, name] of Object.entries(SCRIPTS)) {
    addFile(tree, path, join(guestDir, name), 0o755);
  }
  addFile(tree, "/etc/inittab", join(guestDir, "inittab"));
  addText(tree, "/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
  addText(tree, "/etc/group", "root:x:0:\n");
  addText(tree, "/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n");
  addText(tree, "/etc/resolv.conf", "nameserver 10.0.2.3\n");
  if (guest === "glibc") {
    for (const [path, name] of Object.entries(PROGRAMS)) {
      addProgram(tree, path, programPath(name));
    }
  }
  if (options.variant === "bun") {
    const add = libraries ? addFile : addProgram;
    add(tree, "/usr/local/bin/lull", agentBinary(options), 0o755);
  }
  if (options.variant === "deno") {
    addProgram(tree, "/usr/local/bin/deno", denoPath());
    const script = join(guestDir, "deno_lull.sh");
    addFile(tree, "/usr/local/bin/lull", script, 0o755);
    cpSync(agentBundle(options), join(tree, "opt/lull"), { recursive: true });
  }
  for (const [path, source] of Object.entries(options.extra ?? {})) {
    addProgram(tree, path, source);
  }
}

function agentBinary(options: ImageOptions): string {
  return options.binary ?? built(GUESTS[options.guest ?? "glibc"].binary);
}

function agentBundle(options: ImageOptions): string {
  return options.bundle ?? built(join(projectDir, "dist", "deno"));
}

function built(path: string): string {
  if (existsSync(path)) return path;
  throw new Error(
    `Cannot build an image: there is no ${path}, run \`make build\` first`,
  );
}

/** Makes an ext4 filesystem of so many bytes out of a folder, or an empty one. */
function makeFilesystem(file: string, bytes: number, tree?: string): void {
  writeFileSync(file, "");
  truncateSync(file, Math.ceil(bytes / (1 << 20)) << 20);
  run("mke2fs", [
    "-q",
    "-F",
    "-t",
    "ext4",
    "-m",
    "0",
    "-E",
    "root_owner=0:0",
    ...(tree ? ["-d", tree] : []),
    file,
  ]);
}

/** Makes an empty layer over a disk, which it does not change. */
function makeLayer(file: string, disk: string): void {
  run("qemu-img", [
    "create",
    "-q",
    "-f",
    "qcow2",
    "-b",
    disk,
    "-F",
    "raw",
    file,
  ]);
}

/** Everything that a change of must lead to a new image. */
function inputs(options: ImageOptions): string[] {
  const { guest = "glibc" } = options;
  const { libraries } = GUESTS[guest];
  const list = [
    ...[
      "image.ts",
      "initramfs.ts",
      "tree.ts",
      "kernel.ts",
      "guests.ts",
      "debian.ts",
    ]
      .map((name) => join(import.meta.dirname ?? ".", name)),
    guestDir,
    guestKernel(GUESTS[guest].kernel).image,
    busyboxOf(guest).guest,
    ...Object.values(PROGRAMS).map(programPath),
    ...Object.values(options.extra ?? {}),
  ];
  if (libraries) list.push(join(libraries, "lib"));
  if (guest === "debian") list.push(...debianInputs());
  if (options.variant === "bun") list.push(agentBinary(options));
  if (options.variant === "deno") list.push(denoPath(), agentBundle(options));
  return list;
}

/** Builds an image, or takes the one from before if none of its inputs has changed. */
export function buildImage(
  options: ImageOptions,
  say: (line: string) => void = console.log,
): Image {
  const { guest = "glibc" } = options;
  const kernel = ensureDeps(() => {}, guest);
  const name = options.name ?? (guest === "glibc" ? options.variant : guest);
  const dir = join(distDir, name);
  const image: Image = {
    guest,
    kernel: kernel.image,
    initramfs: join(dir, "initramfs.gz"),
    disk: join(dir, "root.ext4"),
    data: join(dir, "data.ext4"),
  };
  const stamp = join(dir, "inputs");
  const print = fingerprint(inputs(options), options);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === print) return image;
  const start = performance.now();
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  buildInitramfs(dir, guest);
  const tree = join(dir, "tree");
  const { ownRoot } = GUESTS[guest];
  if (ownRoot) buildDebianTree(tree, agentBinary(options));
  else buildTree(tree, options);
  const room = ownRoot ? 512 << 20 : 16 << 20;
  makeFilesystem(image.disk, treeBytes(tree) * 1.05 + room, tree);
  if (ownRoot) makeLayer(image.data, image.disk);
  else makeFilesystem(image.data, 16 << 20);
  rmSync(tree, { recursive: true });
  writeFileSync(stamp, print);
  const ms = Math.round(performance.now() - start);
  say(`image: built ${name} in ${ms} ms`);
  return image;
}

if (import.meta.main) {
  const variant = process.argv[2] ?? "bun";
  if (variant !== "bun" && variant !== "deno" && variant !== "none") {
    console.error(`Cannot build an image: no variant is named ${variant}`);
    process.exit(2);
  }
  console.log(buildImage({ variant }).disk);
}
