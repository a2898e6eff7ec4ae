/**
 * Builds what a guest boots from: the root filesystem and the initramfs. Needs
 * no root. `bun run tests/vm/support/image.ts [bun|deno|none]`
 * @module
 */
import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ensureDeps } from "./deps.ts";
import { fingerprint } from "./fingerprint.ts";
import { type GuestKind, GUESTS } from "./guests.ts";
import { buildInitramfs } from "./initramfs.ts";
import { distDir } from "./paths.ts";
import { buildRootfs, type ImageOptions, rootfsInputs } from "./rootfs.ts";
import { run } from "./run.ts";
import { treeBytes } from "./tree.ts";

export type { ImageOptions, Variant } from "./rootfs.ts";

/** What a guest boots from. */
export interface Image {
  readonly guest: GuestKind;
  readonly kernel: string;
  readonly initramfs: string;
  /** The root filesystem, never written to. */
  readonly disk: string;
  /** An empty ext4 filesystem, of which each machine gets a copy as /data. */
  readonly data: string;
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

/** Builds an image, or takes the one from before if none of its inputs has changed. */
export function buildImage(
  options: ImageOptions,
  say: (line: string) => void = console.log,
): Image {
  const { guest = "glibc" } = options;
  const kernel = ensureDeps(() => {}, guest);
  const kind = guest === "glibc" ? "" : `${guest}-`;
  const name = options.name ?? `${kind}${options.variant}`;
  const dir = join(distDir, name);
  const image: Image = {
    guest,
    kernel: kernel.image,
    initramfs: join(dir, "initramfs.gz"),
    disk: join(dir, "root.ext4"),
    data: join(dir, "data.ext4"),
  };
  const stamp = join(dir, "inputs");
  const print = fingerprint(rootfsInputs(options), options);
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === print) return image;
  const start = performance.now();
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  buildInitramfs(dir, guest);
  const tree = join(dir, "tree");
  buildRootfs(tree, options);
  // A guest that writes to its root filesystem needs room there.
  const room = GUESTS[guest].root === "layer" ? 16 << 20 : 512 << 20;
  makeFilesystem(image.disk, treeBytes(tree) * 1.05 + room, tree);
  makeFilesystem(image.data, 16 << 20);
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
