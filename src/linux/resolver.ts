/**
 * Reads and writes the name servers in /etc/resolv.conf, resolv.conf(5).
 * @module
 */
import {
  chmodSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hasCode, resultUnless } from "../util/errors.ts";

const MISSING = ["ENOENT"];

/** Reads the text of the file; undefined if there is no file. */
export function readResolver(path: string): string | undefined {
  return resultUnless(MISSING, () => readFileSync(path, "utf8"));
}

/** Returns the text with other name servers; all other settings stay. */
export function withServers(
  text: string | undefined,
  servers: readonly string[],
): string {
  const kept = (text ?? "").split("\n").filter((line) =>
    line.trim() !== "" && !/^\s*nameserver\b/.test(line)
  );
  const named = servers.map((server) => `nameserver ${server}`);
  return [...kept, ...named, ""].join("\n");
}

/**
 * Replaces the file atomically; removes it if the text is undefined. If the path is a link,
 * replaces the file that the link names. A file that is a mount point cannot be replaced (EBUSY):
 * it is written in place.
 */
export function writeResolver(path: string, text: string | undefined): void {
  if (text === undefined) return rmSync(path, { force: true });
  const file = resultUnless(MISSING, () => realpathSync(path)) ?? path;
  const mode = resultUnless(MISSING, () => statSync(file).mode & 0o777) ??
    0o644;
  const fresh = `${file}.lull`;
  try {
    writeFileSync(fresh, text);
    chmodSync(fresh, mode);
    renameSync(fresh, file);
  } catch (error) {
    rmSync(fresh, { force: true });
    if (!hasCode(error, "EBUSY")) throw error;
    writeFileSync(file, text);
  }
}
