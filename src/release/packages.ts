/**
 * The packages of a target, as nfpm's configuration:
 * https://nfpm.goreleaser.com/docs/configuration/
 * @module
 */
import { join } from "node:path";
import { VERSION } from "../version.ts";
import type { Packager, Target } from "./targets.ts";
import type { Entry } from "./tree.ts";

/** The package that has the C library, or what the binary needs beside it. */
const DEPENDS = {
  deb: ["libc6 (>= 2.17)"],
  rpm: ["glibc >= 2.17"],
  apk: ["libstdc++", "libgcc"],
} as const satisfies Record<Packager, readonly string[]>;

/** zsh looks here for the completions of packages. */
const ZSH_OF_DEBIAN = "/usr/share/zsh/vendor-completions/_lull";

/**
 * The configuration for one format. `root` has the tree of the package, and
 * `scripts` the scripts that a package manager runs.
 */
export function nfpmConfig(
  { arch }: Target,
  packager: Packager,
  entries: readonly Entry[],
  root: string,
  scripts: string,
) {
  const script = (name: string) => join(scripts, `${packager}-${name}.sh`);
  return {
    name: "lull",
    arch,
    platform: "linux",
    version: VERSION,
    release: packager === "apk" ? "r0" : "1",
    section: "admin",
    maintainer: "The authors of Lull <lull@localhost>",
    description:
      "Agent that makes a virtual machine safe to snapshot\nLull runs inside the machine, and makes it correct again after the restore.",
    license: "Apache-2.0",
    depends: DEPENDS[packager],
    contents: entries.map(({ path, mode, kind, content }) => ({
      ...content === undefined ? {} : { src: join(root, path) },
      dst: packager === "deb" && path.endsWith("/_lull") ? ZSH_OF_DEBIAN : path,
      type: { file: "", config: "config|noreplace", directory: "dir" }[kind],
      file_info: { mode, owner: "root", group: "root" },
    })),
    scripts: packager === "apk" ? { preremove: script("preremove") } : {
      postinstall: script("postinstall"),
      preremove: script("preremove"),
      postremove: script("postremove"),
    },
    // gzip: every version of dpkg and rpm unpacks it. xz takes a minute for 8 % less.
    deb: { compression: "gzip" },
    rpm: {
      compression: "gzip",
      // The name of the machine that built the package is not in it.
      buildhost: "localhost",
      summary: "Agent that makes a virtual machine safe to snapshot",
    },
  };
}
