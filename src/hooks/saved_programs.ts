/**
 * Saves the programs that registered for requests to a file in the runtime
 * directory, so that an agent that restarts after a kill still calls them.
 * @module
 */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { resultUnless } from "../util/errors.ts";
import { type Request, RequestEntry } from "./entries.ts";

const NAME = "hooks.json";

const Document = v.strictObject({
  /**
   * The id of the boot in which the programs registered. The file of another boot
   * is ignored, because its programs no longer run.
   */
  boot: v.string(),
  hooks: v.array(RequestEntry),
});

/**
 * The file of saved programs. Only its owner may read it, because a URL may contain
 * a secret. Each write creates a new file and renames it, so that a kill at any
 * moment leaves either the old content or the new one.
 */
export class SavedPrograms {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, NAME);
  }

  /**
   * Loads the programs of this boot; empty if there is no file. Throws if the file
   * cannot be read or has wrong content.
   */
  load(): Request[] {
    const text = resultUnless(
      ["ENOENT"],
      () => readFileSync(this.#path, "utf8"),
    );
    if (text === undefined) return [];
    let document: v.InferOutput<typeof Document>;
    try {
      document = v.parse(Document, JSON.parse(text));
    } catch (error) {
      throw new Error(
        `Cannot read ${this.#path}: it is not a list of hooks; let the programs register again`,
        { cause: error },
      );
    }
    return document.boot === bootId() ? document.hooks : [];
  }

  /** Replaces the file; creates the directory if it does not exist. */
  save(hooks: readonly Request[]): void {
    const next = `${this.#path}.new`;
    // Writing to an existing file would not set its mode.
    rmSync(next, { force: true });
    mkdirSync(dirname(next), { recursive: true, mode: 0o755 });
    const text = JSON.stringify({ boot: bootId(), hooks });
    writeFileSync(next, text, { mode: 0o600, flag: "wx" });
    renameSync(next, this.#path);
  }
}

/** The random id of this boot (random(4)); a restore does not change it. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return ""; // without /proc, all boots have the same id
  }
}
