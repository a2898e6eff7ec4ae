/**
 * The artefacts of `make release`, for the tests of them.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { VERSION } from "../../../src/version.ts";
import { without } from "../../vm/support/run.ts";

export const ROOT = fileURLToPath(new URL("../../../", import.meta.url).href);
export const OUT = join(ROOT, "dist/release");

/** This machine's architecture, as each kind of artefact names it. */
const X64 = { deb: "amd64", rpm: "x86_64", apk: "x86_64" };
const ARM64 = { deb: "arm64", rpm: "aarch64", apk: "aarch64" };
const own = process.arch === "arm64" ? ARM64 : X64;

/** The packages for this machine. */
export const packages = {
  deb: join(OUT, `lull_${VERSION}-1_${own.deb}.deb`),
  rpm: join(OUT, `lull-${VERSION}-1.${own.rpm}.rpm`),
  apk: join(OUT, `lull_${VERSION}-r0_${own.apk}.apk`),
};
export const debArchitecture = own.deb;

/** Why packages cannot be installed here; false if they can. */
export function withoutManager(command: string): string | false {
  if (process.getuid?.() !== 0) {
    return "only root may change the root directory";
  }
  return without(command);
}

/** Runs a command; throws with its output if it fails. */
export function run(command: string, ...args: string[]): string {
  const { error, status, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { ...process.env, LC_ALL: "C.UTF-8" },
  });
  if (error !== undefined) throw error;
  if (status === 0) return stdout;
  throw new Error(`${command} ended with ${status}: ${stdout}${stderr}`);
}

if (!existsSync(join(OUT, "SHA256SUMS"))) {
  throw new Error("Cannot find dist/release: run make release first");
}
