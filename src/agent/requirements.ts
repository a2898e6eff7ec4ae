/**
 * Keeps what a host requires before the guest counts as healthy: an agent that is started after a
 * kill still refuses health. The file exists only while something is missing.
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
import type { Requirements } from "../lifecycle/request.ts";
import { hasCode } from "../util/errors.ts";

const Kept = v.object({ entropy: v.boolean(), identity: v.boolean() });

/** The file in the runtime directory. */
export class RequirementFile {
  readonly #path: string;
  readonly #onError: (error: unknown) => void;

  /** `onError` gets the error of a file that cannot be written. */
  constructor(runtimeDirectory: string, onError: (error: unknown) => void) {
    this.#path = join(runtimeDirectory, "required");
    this.#onError = onError;
  }

  /** What is missing. A file that cannot be read counts as a requirement of everything. */
  read(): Requirements {
    try {
      return v.parse(Kept, JSON.parse(readFileSync(this.#path, "utf8")));
    } catch (error) {
      const isKept = !hasCode(error, "ENOENT");
      return { entropy: isKept, identity: isKept };
    }
  }

  /** Replaces the file, or removes it if nothing is missing. Never throws. */
  keep(required: Requirements): void {
    try {
      this.#write(required);
    } catch (error) {
      this.#onError(error);
    }
  }

  #write(required: Requirements): void {
    if (!required.entropy && !required.identity) {
      return rmSync(this.#path, { force: true });
    }
    mkdirSync(dirname(this.#path), { recursive: true, mode: 0o755 });
    const next = `${this.#path}.new`;
    try {
      writeFileSync(next, JSON.stringify(required), { mode: 0o600 });
    } finally {
      // Also a file that is not whole, as on a full tmpfs: it counts as a requirement of everything.
      renameSync(next, this.#path);
    }
  }
}
