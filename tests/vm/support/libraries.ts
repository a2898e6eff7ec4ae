/**
 * The files of libraries that this machine does not have: those of musl, and those of arm64.
 * @module
 */
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { ForeignApt } from "./apt.ts";
import { type Arch, type GuestKind, GUESTS } from "./guests.ts";
import { cacheDir } from "./paths.ts";
import { run } from "./run.ts";

/** Debian's release that has musl 1.2.5. The musl of Debian 12 is older than what Bun needs. */
const MUSL_RELEASE = "trixie";

/**
 * A Python package whose wheel for musl carries Alpine's libstdc++ and libgcc: Debian has no build
 * of them for musl, and Alpine's own packages need Alpine's tools.
 */
const WHEEL = { package: "greenlet==3.5.6", folder: "greenlet.libs" };

/** The names of a processor, and the checksum of its wheel. */
const MUSL = {
  x64: {
    debian: "amd64",
    elf: "x86_64",
    sha256: "3dbb4596a6a4e5d47121a33ff20533a81e60f302d9e67b69909a8bc21a43f0a7",
  },
  arm64: {
    debian: "arm64",
    elf: "aarch64",
    sha256: "0616b8f878098c5681fd8f0dc92d887551717402342a70f0abcbfea5f5ad8a44",
  },
} as const;

/** glibc, the libraries of C++, and busybox. */
const ARM64_PACKAGES = [
  ...["libc6", "libgcc-s1", "libstdc++6", "busybox-static"],
];

/** Puts the libraries of a guest into the cache, if it needs some that are not there yet. */
export function ensureLibraries(
  kind: GuestKind,
  say: (line: string) => void,
): void {
  const { arch, libraries } = GUESTS[kind];
  if (libraries === undefined || existsSync(libraries)) return;
  mkdirSync(cacheDir, { recursive: true });
  const work = mkdtempSync(join(cacheDir, "fetch-"));
  try {
    const tree = join(work, "tree");
    say(`vm-deps: fetching the libraries of the guest ${kind}`);
    if (kind.endsWith("musl")) {
      fetchMusl(arch, work, tree);
      // Debian's busybox is static.
      if (arch === "arm64") fetchArm64(["busybox-static"], work, tree);
    } else fetchArm64(ARM64_PACKAGES, work, tree);
    renameSync(tree, libraries);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A tree with the loader, the C library and the libraries of C++, as Alpine has them. */
function fetchMusl(arch: Arch, work: string, tree: string): void {
  const { debian, elf, sha256 } = MUSL[arch];
  const apt = new ForeignApt({ arch: debian, release: MUSL_RELEASE });
  run("dpkg-deb", ["-x", apt.download("musl", work), join(work, "musl")]);
  mkdirSync(join(tree, "lib"), { recursive: true });
  mkdirSync(join(tree, "usr/lib"), { recursive: true });
  const loader = `ld-musl-${elf}.so.1`;
  cpSync(
    join(work, `musl/usr/lib/${elf}-linux-musl/libc.so`),
    join(tree, "lib", loader),
  );
  symlinkSync(loader, join(tree, `lib/libc.musl-${elf}.so.1`));
  const [python, ...words] = ["python3", "-m", "pip", "download", "--quiet"];
  run(python, [
    ...words,
    ...["--no-deps", "--only-binary=:all:", "--python-version=3.12"],
    ...[`--platform=musllinux_1_2_${elf}`, `--dest=${work}`, WHEEL.package],
  ]);
  const wheel = readdirSync(work).find((name) => name.endsWith(".whl"))!;
  const bytes = readFileSync(join(work, wheel));
  const digest = createHash("sha256").update(bytes).digest("hex");
  if (digest !== sha256) {
    throw new Error(`Cannot use ${wheel}: its checksum is ${digest}`);
  }
  run(python, ["-m", "zipfile", "-e", join(work, wheel), join(work, "wheel")]);
  const folder = join(work, "wheel", WHEEL.folder);
  for (const name of readdirSync(folder)) {
    // A wheel's libraries have a checksum in their names, and name each other so.
    cpSync(join(folder, name), join(tree, "usr/lib", name));
    const plain = /^(lib.+?)-[0-9a-f]{8}(\.so\.\d+)/.exec(name);
    if (plain) symlinkSync(name, join(tree, "usr/lib", plain[1] + plain[2]));
  }
}

/** Unpacks Debian packages into the tree. */
function fetchArm64(
  packages: readonly string[],
  work: string,
  tree: string,
): void {
  const apt = new ForeignApt({ arch: "arm64" });
  for (const pkg of packages) {
    run("dpkg-deb", ["-x", apt.download(pkg, work), tree]);
  }
  // Only what programs load: no documentation.
  rmSync(join(tree, "usr/share"), { recursive: true, force: true });
}
