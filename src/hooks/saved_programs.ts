/**
 * The programs that have registered for requests, in a file of the runtime
 * directory: an agent that is started again after a kill still knows whom it
 * owes a call.
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
import { hasCode } from "../util/errors.ts";
import { type Request, RequestEntry } from "./entries.ts";

const NAME = "hooks.json";

const Document = v.strictObject({
  /**
   * The boot that the programs registered in: if the directory outlives the
   * machine, they do not.
   */
  boot: v.string(),
  hooks: v.array(RequestEntry),
});

/**
 * The file. Only its owner, which is root, may read it: a URL may contain a
 * secret. It is written beside its place and renamed, so that a kill at any
 * moment leaves the old text or the new one.
 */
export class SavedPrograms {
  readonly #path: string;

  constructor(directory: string) {
    this.#path = join(directory, NAME);
  }

  /** Throws if there is a file that cannot be read or is not of this form. */
  load(): Request[] {
    let text: string;
    try {
      text = readFileSync(this.#path, "utf8");
    } catch (error) {
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    }
    let document: v.InferOutput<typeof Document>;
    try {
      document = v.parse(Document, JSON.parse(text));
    } catch (error) {
      throw new Error(
        `Cannot read ${this.#path}: it is not a list of hooks; programs must register again`,
        { cause: error },
      );
    }
    return document.boot === bootId() ? document.hooks : [];
  }

  /** Replaces the file; makes the directory if there is none. */
  save(hooks: readonly Request[]): void {
    const next = `${this.#path}.new`;
    // A file that is there already would keep its own mode.
    rmSync(next, { force: true });
    mkdirSync(dirname(next), { recursive: true, mode: 0o755 });
    const text = JSON.stringify({ boot: bootId(), hooks });
    writeFileSync(next, text, { mode: 0o600, flag: "wx" });
    renameSync(next, this.#path);
  }
}

/** Random for each boot (random(4)); a snapshot does not change it. */
function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return ""; // no /proc: then all boots look alike
  }
}
