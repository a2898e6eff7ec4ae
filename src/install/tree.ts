/**
 * A tree of files that will be a root filesystem. Paths are the guest's; links
 * are followed as the guest will follow them, so that none leads to the files of
 * the machine that builds the tree.
 * @module
 */
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorText, hasCode } from "../util/errors.ts";
import { InstallError } from "./error.ts";

/** As many links as the kernel follows (path_resolution(7)). */
const MOST_LINKS = 40;

/** A tree, by its directory here. */
export class Tree {
  readonly #root: string;

  /** Throws an InstallError where that is no directory. */
  constructor(root: string) {
    try {
      this.#root = realpathSync(root);
    } catch (error) {
      throw new InstallError(
        `Cannot install into ${root}: ${errorText(error)}`,
      );
    }
    if (!statSync(this.#root).isDirectory()) {
      throw new InstallError(`Cannot install into ${root}: it is no directory`);
    }
  }

  /** Where the tree is. */
  get root(): string {
    return this.#root;
  }

  /**
   * Where the entry is here, its own link not followed; undefined where there is
   * no such entry.
   */
  find(path: string): string | undefined {
    const directory = this.#walk(dirname(path), path, false);
    if (directory === undefined) return undefined;
    const at = join(directory, basename(path));
    return entryAt(at) === undefined ? undefined : at;
  }

  /**
   * Where to make the entry here: its directory is made where it is missing, and
   * lies within the tree.
   */
  place(path: string): string {
    return join(this.directory(dirname(path), path).at, basename(path));
  }

  /** The directory, made where it is missing; errors speak of `wanted`. */
  directory(
    path: string,
    wanted = path,
  ): { readonly at: string; readonly made: boolean } {
    const before = this.#walk(path, wanted, false);
    const at = before ?? this.#walk(path, wanted, true)!;
    // Somebody may have put a link in place of what was just walked through.
    if (realpathSync(at) !== at) throw this.#escape(wanted, at);
    return { at, made: before === undefined };
  }

  /** Part by part, links included; `wanted` is for the words of errors. */
  #walk(path: string, wanted: string, make: boolean): string | undefined {
    let at = this.#root;
    let links = 0;
    const rest = partsOf(path);
    for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
      if (part === "..") {
        if (at === this.#root) throw this.#escape(wanted, path);
        at = dirname(at);
        continue;
      }
      const next = join(at, part);
      const stats = entryAt(next);
      if (stats === undefined) {
        if (!make) return undefined;
        makeDirectory(next);
      } else if (stats.isSymbolicLink()) {
        if (++links > MOST_LINKS) {
          throw new InstallError(`Cannot write ${wanted}: too many links`);
        }
        const target = readlinkSync(next);
        if (target.startsWith("/")) at = this.#root;
        rest.unshift(...partsOf(target));
        continue;
      } else if (!stats.isDirectory()) {
        throw new InstallError(
          `Cannot write ${wanted}: ${next} is no directory`,
        );
      }
      at = next;
    }
    return at;
  }

  #escape(wanted: string, at: string): InstallError {
    return new InstallError(
      `Cannot write ${wanted}: a link on the way leads out of ${this.#root} (${at})`,
    );
  }
}

/** What is there, links not followed; undefined where nothing is. */
export function entryAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new InstallError(`Cannot look at ${path}: ${errorText(error)}`);
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
    chmodSync(path, 0o755); // whatever the umask
  } catch (error) {
    throw new InstallError(`Cannot make ${path}: ${errorText(error)}`);
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
