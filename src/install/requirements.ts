/**
 * What a binary needs from a tree: the machine, the dynamic linker and the libraries.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { type Elf, readElf } from "../linux/elf.ts";
import { InstallError } from "./error.ts";
import { PACKAGED } from "./layout.ts";
import type { Tree } from "./tree.ts";

/** The machines for which there are binaries, by their `e_machine` (elf(5)). */
const MACHINES: Readonly<Record<number, string>> = { 62: "x64", 183: "arm64" };

/** Programs that nearly every tree has; their machine is the machine of the tree. */
const PROGRAMS = ["/bin/sh", "/bin/busybox", "/sbin/init", "/bin/true"];

/** musl's dynamic linker has these libraries in itself (ldso/dynlink.c). */
const IN_MUSL = /^lib(c|pthread|rt|m|dl|util|xnet)\./;

/** How to install the packages that have the libraries, by the file of a package manager. */
const MANAGERS = [
  {
    sign: "/sbin/apk",
    command: "apk add",
    packages: { stdc: "libstdc++", gcc: "libgcc", libc: "musl" },
  },
  {
    sign: "/usr/bin/dpkg",
    command: "apt-get install",
    packages: { stdc: "libstdc++6", gcc: "libgcc-s1", libc: "libc6" },
  },
  {
    sign: "/usr/bin/rpm",
    command: "dnf install",
    packages: { stdc: "libstdc++", gcc: "libgcc", libc: "glibc" },
  },
] as const;

/** Throws an InstallError if the tree has Lull from a package, which has the same files. */
export function refusePackaged(tree: Tree, action: string): void {
  if (tree.find(PACKAGED) === undefined) return;
  throw new InstallError(
    `Cannot ${action} ${tree.root}: the tree has ${PACKAGED} from a package; update or remove it with the package manager`,
  );
}

/** Throws an InstallError if the binary and the programs of the tree are for different machines. */
export function requireMachine(tree: Tree, binary: string, elf: Elf): void {
  for (const program of PROGRAMS) {
    const found = tree.resolve(program);
    const machine = found && elfAt(found)?.machine;
    if (!machine || machine === elf.machine) continue;
    const [mine, its] = [elf.machine, machine].map((number) =>
      MACHINES[number] ?? `machine ${number}`
    );
    throw new InstallError(
      `Cannot install ${binary}: it is for ${mine}, and ${program} of the tree is for ${its}`,
    );
  }
}

function elfAt(path: string): Elf | undefined {
  try {
    return readElf(path);
  } catch {
    return undefined; // a directory, or a file that cannot be read
  }
}

/**
 * What the binary needs and the tree does not have, as one sentence that says what to
 * install; undefined if the tree has everything.
 */
export function missingIn(
  tree: Tree,
  binary: string,
  elf: Elf,
): string | undefined {
  const { interpreter } = elf;
  if (interpreter === undefined) return undefined;
  const isMusl = interpreter.includes("/ld-musl-");
  if (tree.resolve(interpreter) === undefined) {
    const start =
      `the tree has no ${interpreter}, which ${binary} needs to start`;
    const other = hasLibc(tree, isMusl ? "/ld-linux" : "/ld-musl-");
    return other
      ? `${start}: install the binary for ${isMusl ? "glibc" : "musl"} instead`
      : `${start}: add this C library${remedy(tree, ["libc"])}`;
  }
  const missing = missingLibraries(tree, elf, isMusl, interpreter);
  if (missing.length === 0) return undefined;
  const names = missing.join(", ");
  return `the tree has no ${names}, which ${binary} needs to start: add ${
    missing.length === 1 ? "this library" : "these libraries"
  }${remedy(tree, missing)}`;
}

/** The names of all libraries that are not found, also those that other libraries need. */
function missingLibraries(
  tree: Tree,
  elf: Elf,
  isMusl: boolean,
  interpreter: string,
): string[] {
  const directories = isMusl
    ? muslDirectories(tree, interpreter)
    : glibcDirectories(tree);
  const missing: string[] = [];
  const seen = new Set<string>();
  const queue = [...elf.needed];
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (seen.has(name) || (isMusl && IN_MUSL.test(name))) continue;
    seen.add(name);
    if (interpreter.endsWith(`/${name}`)) continue;
    const found = directories.map((at) => tree.resolve(`${at}/${name}`))
      .find((path) => path !== undefined);
    if (found === undefined) missing.push(name);
    else queue.push(...elfAt(found)?.needed ?? []);
  }
  return missing;
}

/** Where musl looks: the file beside its dynamic linker, or three directories. */
function muslDirectories(tree: Tree, interpreter: string): string[] {
  const name = /ld-(musl-[^.]+)/.exec(interpreter)?.[1];
  const text = readIn(tree, `/etc/ld-${name}.path`);
  if (text === undefined) return ["/lib", "/usr/local/lib", "/usr/lib"];
  return text.split(/[\n:]/).filter((path) => path.startsWith("/"));
}

/** Where glibc looks: the directories of ld.so(8), of Debian, and of ld.so.conf. */
function glibcDirectories(tree: Tree): string[] {
  const defaults = ["/lib64", "/usr/lib64", "/lib", "/usr/lib"];
  const triplets = ["x86_64-linux-gnu", "aarch64-linux-gnu"];
  const conf = tree.resolve("/etc/ld.so.conf.d");
  const files = conf === undefined
    ? []
    : names(conf).map((name) => `/etc/ld.so.conf.d/${name}`);
  return [
    ...defaults,
    ...triplets.flatMap((name) => [`/lib/${name}`, `/usr/lib/${name}`]),
    ...["/etc/ld.so.conf", ...files].flatMap((file) =>
      (readIn(tree, file) ?? "").split("\n").filter((line) =>
        line.startsWith("/")
      )
    ),
  ];
}

function readIn(tree: Tree, path: string): string | undefined {
  const found = tree.resolve(path);
  try {
    return found && readFileSync(found, "utf8");
  } catch {
    return undefined;
  }
}

/** Whether the tree has a dynamic linker whose path contains the text. */
function hasLibc(tree: Tree, text: string): boolean {
  return ["/lib", "/lib64"].some((path) => {
    const found = tree.resolve(path);
    return found !== undefined &&
      names(found).some((name) => `/${name}`.includes(text));
  });
}

function names(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** ` (apk add libstdc++)`; empty if the tree has no known package manager. */
function remedy(tree: Tree, missing: readonly string[]): string {
  const manager = MANAGERS.find(({ sign }) => tree.resolve(sign) !== undefined);
  if (manager === undefined) return "";
  const packages = new Set(
    missing.map((name) =>
      name.startsWith("libstdc++")
        ? manager.packages.stdc
        : name.startsWith("libgcc")
        ? manager.packages.gcc
        : manager.packages.libc
    ),
  );
  return ` (${manager.command} ${[...packages].join(" ")})`;
}
