/**
 * The tree of a guest's root filesystem: busybox, the scripts of the tests, and the agent.
 * @module
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { buildDebianTree, debianInputs } from "./debian.ts";
import { type GuestKind, GUESTS } from "./guests.ts";
import { busyboxOf } from "./initramfs.ts";
import { guestKernel } from "./kernel.ts";
import { guestDir, projectDir } from "./paths.ts";
import { runText, which } from "./run.ts";
import { denoVariables, v8Flags } from "../../support/v8_flags.ts";
import { addBusybox, addFile, addProgram, addText } from "./tree.ts";

/** Which agent the guest runs: the compiled binary, its script for Deno, none. */
export type Variant = "bun" | "deno" | "none";

/** What goes into an image. */
export interface ImageOptions {
  readonly variant: Variant;
  /** The kind of guest; `glibc` if not given. */
  readonly guest?: GuestKind;
  /** The folder under dist/vm; named after guest and variant if not given. */
  readonly name?: string;
  /** The agent's binary; the guest's if not given. */
  readonly binary?: string;
  /** The folder with the agent's main.js for Deno; dist/deno if not given. */
  readonly bundle?: string;
  /** More files: path in the guest to path here. Programs bring their libraries. */
  readonly extra?: Readonly<Record<string, string>>;
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
export function denoPath(): string {
  const local = join(projectDir, ".tools", "bin", "deno");
  return runText(existsSync(local) ? local : "deno", [
    "eval",
    "console.log(Deno.execPath())",
  ]);
}

/** Makes the tree of the root filesystem. */
export function buildRootfs(tree: string, options: ImageOptions): void {
  if (options.guest === "debian") {
    return buildDebianTree(tree, agentBinary(options));
  }
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
    const script = readFileSync(join(guestDir, "deno_lull.sh"), "utf8")
      .replace("V8_FLAGS", v8Flags())
      .replace("DENO_VARIABLES", denoVariables().join(" "));
    addText(tree, "/usr/local/bin/lull", script, 0o755);
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
    `Cannot build an image: there is no ${path}, let \`make\` build it first`,
  );
}

/** Everything that a change of must lead to a new image. */
export function rootfsInputs(options: ImageOptions): string[] {
  const { guest = "glibc" } = options;
  const { libraries } = GUESTS[guest];
  const list = [
    ...[
      "image.ts",
      "rootfs.ts",
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
  if (options.variant === "deno") {
    const flags = join(projectDir, "deno.json");
    list.push(denoPath(), agentBundle(options), flags);
  }
  return list;
}
