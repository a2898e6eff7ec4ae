/**
 * Builds the initramfs of a guest: busybox, the modules of the kernel, and a script.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { join } from "node:path";
import { type GuestKind, GUESTS } from "./guests.ts";
import { guestKernel, modulesOf } from "./kernel.ts";
import { guestDir } from "./paths.ts";
import { run, runText, which } from "./run.ts";
import { addBusybox, addFile, addText } from "./tree.ts";

/** The busybox that runs in a guest, and the one of this machine. */
export function busyboxOf(kind: GuestKind): { guest: string; own: string } {
  const own = which("busybox");
  if (!own) throw new Error("Cannot build an image: there is no busybox");
  const { arch, libraries } = GUESTS[kind];
  const foreign = arch === "arm64" && libraries !== undefined;
  return { guest: foreign ? join(libraries, "bin/busybox") : own, own };
}

/** Builds DIR/initramfs.gz. */
export function buildInitramfs(dir: string, kind: GuestKind): void {
  const tree = join(dir, "initramfs");
  for (const name of ["proc", "dev", "modules"]) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  const { guest, own } = busyboxOf(kind);
  addBusybox(tree, guest, own);
  addFile(tree, "/init", join(guestDir, "initramfs.sh"), 0o755);
  const { kernel } = GUESTS[kind];
  const modules = modulesOf(kernel);
  for (const name of modules) {
    const file = join(guestKernel(kernel).modules, `${name}.ko`);
    addFile(tree, `/modules/${name}.ko`, file);
  }
  addText(tree, "/modules/order", `${modules.join("\n")}\n`);
  const names = runText("find", [".", "-mindepth", "1"], { cwd: tree });
  const archive = run("cpio", ["--create", "--format=newc", "--quiet"], {
    cwd: tree,
    input: `${names}\n`,
  });
  writeFileSync(join(dir, "initramfs.gz"), gzipSync(archive, { level: 1 }));
  rmSync(tree, { recursive: true });
}
