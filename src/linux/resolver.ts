/**
 * The name servers in /etc/resolv.conf, resolv.conf(5).
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
import { hasCode } from "../util/errors.ts";

/** The file's text, undefined where there is none. */
export function readResolver(path: string): string | undefined {
  return orMissing(() => readFileSync(path, "utf8"));
}

/** The same settings with other servers. */
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
 * Writes the file whole, or removes it where the text is undefined. Behind a
 * link the file that it names is replaced; one that is mounted by itself cannot
 * be, and is written in place.
 */
export function writeResolver(path: string, text: string | undefined): void {
  if (text === undefined) return rmSync(path, { force: true });
  const file = orMissing(() => realpathSync(path)) ?? path;
  const mode = orMissing(() => statSync(file).mode & 0o777) ?? 0o644;
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

function orMissing<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
