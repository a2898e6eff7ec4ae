/**
 * Makes the artefacts of a release from the built binaries:
 * `main.ts STAGE OUT TARGET…`. STAGE has the binary of each target as
 * TARGET/lull. Every date in an artefact is SOURCE_DATE_EPOCH.
 * @module
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { VERSION } from "../version.ts";
import { writeClient } from "./client.ts";
import { nfpmConfig } from "./packages.ts";
import { sbom } from "./sbom.ts";
import { type Target, targets } from "./targets.ts";
import { entriesOf, writeTree } from "./tree.ts";

const HERE = fileURLToPath(new URL(".", import.meta.url).href);
const TOP = join(HERE, "../..");

const [stage, out, ...names] = process.argv.slice(2);
const epoch = Number(process.env.SOURCE_DATE_EPOCH);
if (out === undefined || !Number.isSafeInteger(epoch)) {
  console.error("Usage: SOURCE_DATE_EPOCH=SECONDS main.ts STAGE OUT TARGET…");
  process.exit(2);
}
process.umask(0o022); // the modes of new directories
const time = new Date(epoch * 1000).toISOString();

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
for (const name of names) {
  const target = targets.find((target) => target.name === name);
  if (target === undefined) throw new Error(`Cannot release ${name}: unknown`);
  release(target);
}
const lock = readFileSync(join(TOP, "deno.lock"), "utf8");
const checksums = readFileSync(join(HERE, "bun.sha512"), "utf8");
writeFileSync(
  join(out, `lull-${VERSION}.cdx.json`),
  `${JSON.stringify(sbom(lock, checksums, time), undefined, 2)}\n`,
);
const client = resolve(stage, "client");
writeClient(client, run);
writeFileSync(
  join(out, `lull-client-${VERSION}.tgz`),
  gzipSync(archive(client, "package")),
);
writeFileSync(join(out, "SHA256SUMS"), sums(out));

/** Makes the binary, the archive and the packages of one target. */
function release(target: Target): void {
  const binary = join(stage, target.name, "lull");
  const root = join(stage, target.name, "root");
  const license = join(TOP, "LICENSE");
  const entries = entriesOf(target, binary, license, time.slice(0, 10));
  writeTree(root, entries);
  copyFileSync(binary, join(out, `lull-${target.name}`));
  writeFileSync(
    join(out, `lull-${VERSION}-${target.name}.tar.zst`),
    zstdCompressSync(archive(root, "."), {
      // Level 12 takes three times as long, and saves 1 %.
      params: { [constants.ZSTD_c_compressionLevel]: 9 },
    }),
  );
  const scripts = datedScripts(join(stage, target.name, "scripts"));
  for (const packager of target.packages) {
    const config = join(stage, target.name, `${packager}.yaml`);
    // JSON is YAML.
    writeFileSync(
      config,
      JSON.stringify(nfpmConfig(target, packager, entries, root, scripts)),
    );
    run("nfpm", ["package", "-f", config, "-p", packager, "-t", `${out}/`]);
  }
}

/** Copies the scripts of the packages: nfpm takes over the time of a script's file. */
function datedScripts(directory: string): string {
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(join(HERE, "scripts"))) {
    const copy = join(directory, name);
    copyFileSync(join(HERE, "scripts", name), copy);
    utimesSync(copy, epoch, epoch);
  }
  return directory;
}

/** Packs a member of a tree in the order of its names, with one owner and one time. */
function archive(root: string, member: string): Uint8Array {
  return run("tar", [
    ...["--create", "--directory", root, "--sort=name", "--format=ustar"],
    ...["--owner=root:0", "--group=root:0", `--mtime=@${epoch}`, member],
  ]);
}

function run(
  command: string,
  args: readonly string[],
  cwd?: string,
): Uint8Array {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    maxBuffer: 1 << 30,
  });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  throw new Error(`Cannot run ${command} ${args.join(" ")}: ${stderr}`);
}

/** The checksums of all files, in the format of sha256sum(1). */
function sums(directory: string): string {
  return readdirSync(directory).sort().map((name) => {
    const sum = createHash("sha256").update(readFileSync(join(directory, name)))
      .digest("hex");
    return `${sum}  ${name}\n`;
  }).join("");
}
