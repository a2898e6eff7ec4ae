/**
 * The tree of a root filesystem. Its paths are the paths in the guest. Links are
 * followed as the guest follows them, so that no link leads to a file of the machine
 * that builds the tree.
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

/** Maximum number of links that the kernel follows (path_resolution(7)). */
const MAX_LINKS = 40;

/** A tree, given by its root directory on this machine. */
export class Tree {
  readonly #root: string;

  /** Throws an InstallError if the root is not a directory. */
  constructor(root: string, action = "install into") {
    try {
      this.#root = realpathSync(root);
    } catch (error) {
      throw new InstallError(
        `Cannot ${action} ${root}: ${errorText(error)}`,
      );
    }
    if (!statSync(this.#root).isDirectory()) {
      throw new InstallError(
        `Cannot ${action} ${root}: the path is not a directory`,
      );
    }
  }

  /** The real path of the root directory on this machine. */
  get root(): string {
    return this.#root;
  }

  /**
   * Finds an entry and returns its path on this machine; undefined if it does not
   * exist. If the entry is a link, the link itself is returned.
   */
  find(path: string): string | undefined {
    const directory = this.#walk(dirname(path), path, false);
    if (directory === undefined) return undefined;
    const at = join(directory, basename(path));
    return entryAt(at) === undefined ? undefined : at;
  }

  /**
   * Finds the file at the end of all links, as the guest does. Returns its path on
   * this machine; undefined if the file does not exist, or if a link leads nowhere.
   */
  resolve(path: string): string | undefined {
    let at: string | undefined = path;
    try {
      for (let links = 0; links <= MAX_LINKS; links++) {
        const found: string | undefined = this.find(at);
        if (found === undefined) return undefined;
        if (!entryAt(found)?.isSymbolicLink()) return found;
        const target = readlinkSync(found);
        const directory = dirname(found).slice(this.#root.length);
        at = target.startsWith("/") ? target : `${directory}/${target}`;
        if (/(^|\/)\.{0,2}$/.test(at)) return this.#walk(at, path, false);
      }
    } catch (error) {
      if (!(error instanceof InstallError)) throw error;
    }
    return undefined;
  }

  /**
   * Returns the path on this machine that the entry has or would have. Creates nothing.
   */
  peek(path: string): string {
    const directory = this.#walk(dirname(path), path, false);
    return join(directory ?? join(this.#root, dirname(path)), basename(path));
  }

  /**
   * Returns the path on this machine at which to create the entry. Creates its
   * directory if needed, inside the tree. Throws an InstallError if that fails.
   */
  place(path: string): string {
    return join(this.directory(dirname(path), path).at, basename(path));
  }

  /**
   * Returns the path of a directory on this machine, and creates the directory if
   * needed. Errors name the path `wanted`.
   */
  directory(
    path: string,
    wanted = path,
  ): { readonly at: string; readonly made: boolean } {
    const before = this.#walk(path, wanted, false);
    const at = before ?? this.#walk(path, wanted, true)!;
    // Another process may have replaced a directory by a link during the walk.
    if (realpathSync(at) !== at) throw this.#escape(wanted, at);
    return { at, made: before === undefined };
  }

  /**
   * Walks a path part by part, and follows links inside the tree. Creates missing
   * directories if `make` is true; returns undefined at the first one otherwise.
   */
  #walk(path: string, wanted: string, make: boolean): string | undefined {
    let at = this.#root;
    let links = 0;
    const parts = partsOf(path);
    for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
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
        if (++links > MAX_LINKS) {
          throw new InstallError(`Cannot write ${wanted}: too many links`);
        }
        const target = readlinkSync(next);
        if (target.startsWith("/")) at = this.#root;
        parts.unshift(...partsOf(target));
        continue;
      } else if (!stats.isDirectory()) {
        throw new InstallError(
          `Cannot write ${wanted}: ${next} is not a directory`,
        );
      }
      at = next;
    }
    return at;
  }

  #escape(wanted: string, at: string): InstallError {
    return new InstallError(
      `Cannot write ${wanted}: a link in its path leads out of ${this.#root} (${at})`,
    );
  }
}

/** The status of an entry, without following a link; undefined if it does not exist. */
export function entryAt(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw new InstallError(
      `Cannot read the status of ${path}: ${errorText(error)}`,
    );
  }
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path);
    chmodSync(path, 0o755); // mkdir(2) applies the umask
  } catch (error) {
    throw new InstallError(`Cannot create ${path}: ${errorText(error)}`);
  }
}

function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
