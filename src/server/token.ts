/**
 * The token that callers show. Hono has a bearer-auth middleware; it knows one
 * header, no second one beside it, and answers in its own words instead of a
 * problem document, so little of it would be left.
 * @module
 */
import { readFileSync, type Stats, statSync } from "node:fs";
import { nodeCrypto } from "../builtin.ts";
import { messageOf } from "../lifecycle/step.ts";
import type { Log } from "../log.ts";

/** Group and others, reading and writing: inode(7). */
const NOT_THE_OWNER = 0o066;

/** A token in a file, which may be replaced at any time. */
export class TokenFile {
  readonly #path: string;
  readonly #log: Pick<Log, "warn" | "error">;
  #version = "";
  /** Hash of the token; undefined: nobody gets in. */
  #hash: Uint8Array | undefined;
  #reported: string | undefined;

  /** Throws where the file cannot be read or is empty. */
  constructor(path: string, log: Pick<Log, "warn" | "error">) {
    this.#path = path;
    this.#log = log;
    this.#read(statSync(path));
  }

  /** Whether the request shows the token that is in the file now. */
  admits(headers: Headers): boolean {
    this.#refresh();
    const shown = shownIn(headers);
    if (shown === undefined || this.#hash === undefined) return false;
    // Hashes, because timingSafeEqual takes only equal lengths.
    return nodeCrypto().timingSafeEqual(this.#hash, hash(shown));
  }

  /** Reads the file where it changed; where that fails nobody gets in. */
  #refresh(): void {
    try {
      const stats = statSync(this.#path);
      if (versionOf(stats) !== this.#version) this.#read(stats);
      this.#reported = undefined;
    } catch (error) {
      this.#hash = undefined;
      this.#version = "";
      const reason = messageOf(error);
      if (reason === this.#reported) return;
      this.#reported = reason;
      this.#log.error("the token could not be read: nobody gets in", {
        reason,
      });
    }
  }

  #read(stats: Stats): void {
    const token = readFileSync(this.#path, "utf8").trim();
    if (token === "") {
      throw new Error(`Cannot use token file ${this.#path}: it is empty`);
    }
    this.#hash = hash(token);
    this.#version = versionOf(stats);
    const mode = stats.mode & 0o777;
    if ((mode & NOT_THE_OWNER) === 0) return;
    this.#log.warn("others than its owner may read the token file", {
      path: this.#path,
      mode: mode.toString(8),
    });
  }
}

function versionOf({ dev, ino, size, mtimeMs, ctimeMs }: Stats): string {
  return [dev, ino, size, mtimeMs, ctimeMs].join(" ");
}

/** `Authorization: Bearer TOKEN` (RFC 6750, 2.1), or `X-Access-Token: TOKEN`. */
function shownIn(headers: Headers): string | undefined {
  const authorization = headers.get("authorization");
  const bearer = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
  return bearer ?? headers.get("x-access-token") ?? undefined;
}

function hash(text: string): Uint8Array {
  return nodeCrypto().createHash("sha256").update(text, "utf8").digest();
}
