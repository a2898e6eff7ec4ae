import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

function* filesBelow(path: string): Generator<string> {
  if (!statSync(path).isDirectory()) return yield path;
  for (const name of readdirSync(path).sort()) {
    yield* filesBelow(join(path, name));
  }
}

/** A fingerprint of files, of whole folders, and of what else matters. */
export function fingerprint(paths: readonly string[], words: unknown): string {
  const hash = createHash("sha256").update(JSON.stringify(words));
  for (const root of paths) {
    for (const path of filesBelow(root)) {
      hash.update(`\0${path}\0`).update(readFileSync(path));
    }
  }
  return hash.digest("hex");
}
