/**
 * Checks the token of callers. Hono's bearer-auth middleware is not used: it accepts only one header,
 * and its replies are no problem documents.
 * @module
 */
import { readFileSync, type Stats, statSync } from "node:fs";
import { nodeCrypto } from "../util/lazy_builtins.ts";
import { errorText } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";

/** The mode bits that let the group and others read and write, inode(7). */
const NOT_THE_OWNER = 0o066;

/** A token in a file. The file may be replaced at any time, and may be missing at first. */
export class TokenFile {
  readonly #path: string;
  readonly #log: Pick<Log, "warn" | "error">;
  #version = "";
  /** Hash of the token; undefined while the file cannot be read. */
  #hash: Uint8Array | undefined;
  #reported: string | undefined;

  /** Reads the file. While the file cannot be read, no token is admitted. */
  constructor(path: string, log: Pick<Log, "warn" | "error">) {
    this.#path = path;
    this.#log = log;
    this.#refresh();
  }

  /** Whether the request has the token that is in the file now. */
  admits(headers: Headers): boolean {
    this.#refresh();
    const shown = shownIn(headers);
    if (shown === undefined || this.#hash === undefined) return false;
    // Compares hashes, because timingSafeEqual takes only equal lengths.
    return nodeCrypto().timingSafeEqual(this.#hash, hash(shown));
  }

  /** Reads the file if it has changed. A failure is logged once for each reason. */
  #refresh(): void {
    try {
      const stats = statSync(this.#path);
      if (versionOf(stats) !== this.#version) this.#read(stats);
      this.#reported = undefined;
    } catch (error) {
      this.#hash = undefined;
      this.#version = "";
      const reason = errorText(error);
      if (reason === this.#reported) return;
      this.#reported = reason;
      this.#log.error(
        "the token file cannot be read: all calls that need the token are refused until it can",
        { path: this.#path, reason },
      );
    }
  }

  #read(stats: Stats): void {
    const token = readFileSync(this.#path, "latin1").replace(BLANKS, "");
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

/** Blanks and line ends around the token. */
const BLANKS = /^[ \t\r\n]+|[ \t\r\n]+$/g;

/** `Authorization: Bearer TOKEN` (RFC 6750, 2.1), or `X-Access-Token: TOKEN`. */
function shownIn(headers: Headers): string | undefined {
  const authorization = headers.get("authorization");
  const bearer = /^Bearer +([^ \t]+) *$/i.exec(authorization ?? "")?.[1];
  return bearer ?? headers.get("x-access-token") ?? undefined;
}

/** Hashes a text that has one character for each byte, as a header and the file have it. */
function hash(text: string): Uint8Array {
  return nodeCrypto().createHash("sha256").update(text, "latin1").digest();
}
