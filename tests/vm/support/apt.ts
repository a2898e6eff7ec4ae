/**
 * Downloads packages of another architecture or of a newer Debian, from the servers that this
 * machine uses. Nothing of this machine's own apt changes, and no root is needed.
 * @module
 */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { cacheDir } from "./paths.ts";
import { run, runText } from "./run.ts";

const SOURCES = "/etc/apt/sources.list.d";

/** The name of the Debian release that this machine has. */
function ownRelease(): string {
  const text = readFileSync("/etc/os-release", "utf8");
  const found = /^VERSION_CODENAME=(\w+)$/m.exec(text);
  if (found) return found[1];
  throw new Error(
    "Cannot find the release of this machine: os-release has none",
  );
}

/** An architecture, and a Debian release if not this machine's. */
export interface Foreign {
  readonly arch: "amd64" | "arm64";
  readonly release?: string;
}

/** The lists of apt for packages that are not of this machine. */
export class ForeignApt {
  readonly #config: string;

  constructor({ arch, release }: Foreign) {
    const own = ownRelease();
    const dir = join(cacheDir, `apt-${arch}-${release ?? own}`);
    for (const name of ["lists/partial", "archives/partial", "sources"]) {
      mkdirSync(join(dir, name), { recursive: true });
    }
    writeFileSync(join(dir, "status"), "");
    for (const [name, text] of debianSources()) {
      const changed = release ? text.replaceAll(own, release) : text;
      writeFileSync(join(dir, "sources", name), changed);
    }
    this.#config = join(dir, "apt.conf");
    writeFileSync(
      this.#config,
      [
        `APT::Architecture "${arch}"`,
        `APT::Architectures { "${arch}"; }`,
        `APT::Sandbox::User ""`,
        `Dir::State::lists "${dir}/lists"`,
        `Dir::State::status "${dir}/status"`,
        `Dir::Cache "${dir}"`,
        `Dir::Etc::sourcelist "/dev/null"`,
        `Dir::Etc::sourceparts "${dir}/sources"`,
      ].map((line) => `${line};\n`).join(""),
    );
    run("apt-get", ["-qq", "update"], this.#options());
  }

  /** Downloads a package into a folder and gives the path of its file. */
  download(pkg: string, into: string): string {
    mkdirSync(into, { recursive: true });
    const before = new Set(readdirSync(into));
    run("apt-get", ["-qq", "download", pkg], this.#options(into));
    const name = readdirSync(into).find((name) =>
      name.endsWith(".deb") && !before.has(name)
    );
    if (name === undefined) throw new Error(`Cannot download ${pkg}: no file`);
    return join(into, name);
  }

  /** What apt-cache says. */
  cache(...words: string[]): string {
    return runText("apt-cache", words, this.#options());
  }

  #options(cwd?: string) {
    return { cwd, env: { APT_CONFIG: this.#config } };
  }
}

/** The files with the sources of Debian itself; other sources have no foreign packages. */
function debianSources(): [name: string, text: string][] {
  const files = existsSync(SOURCES)
    ? readdirSync(SOURCES).map((name) => join(SOURCES, name))
    : [];
  const found = [...files, "/etc/apt/sources.list"]
    .filter((path) => /\.(?:list|sources)$/.test(path) && existsSync(path))
    .map((path) => [path, readFileSync(path, "utf8")] as const)
    .filter(([, text]) => /^[^#]*\/debian/m.test(text));
  if (found.length === 0) {
    throw new Error(
      "Cannot fetch foreign packages: this machine's apt has no source of Debian",
    );
  }
  return found.map(([path, text]) => [path.split("/").at(-1)!, text]);
}
