/**
 * Removes from a tree what {@linkcode install} wrote into it.
 * @module
 */
import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { PRELOADS } from "../config/preloads.ts";
import { readElf } from "../linux/elf.ts";
import { errorText } from "../util/errors.ts";
import { InstallError } from "./error.ts";
import {
  CONFIG,
  CONFIG_TEXT,
  DIRECTORY,
  HOOKS,
  OPENRC,
  PRESET_FILE,
  type ServiceManager,
  serviceManagersOf,
  SYSTEMD,
} from "./layout.ts";
import type { Line } from "./line.ts";
import { uninstallPreloads } from "./preload/install.ts";
import { refusePackaged } from "./requirements.ts";
import { BINARY, isSealed, PRESET } from "./service.ts";
import { entryAt, Tree } from "./tree.ts";
import { readText } from "./write.ts";

/** What {@linkcode uninstall} needs. */
export interface UninstallOptions {
  /** The root directory of the tree. */
  readonly root: string;
  /** Changes nothing: the lines say what would be removed. */
  readonly dryRun: boolean;
  /** Called with each line, as soon as its file is done. */
  readonly onLine: (line: Line) => void;
}

/**
 * Removes the services, the configuration, the hooks directory, all preloads and the binary. A
 * file that a user changed and a directory that is not empty stay. Throws an
 * InstallError at the first failure; the next call does the rest.
 */
export function uninstall({ root, dryRun, onLine }: UninstallOptions): void {
  const action = "uninstall from";
  const tree = new Tree(root, action);
  refusePackaged(tree, action);
  let found = false;
  /** What was removed, or what a dry run would have removed. */
  const removed = new Set<string>();

  service(SYSTEMD);
  file(PRESET_FILE, (text) => text === PRESET);
  service(OPENRC);
  file(CONFIG, (text) => text === CONFIG_TEXT);
  directory(HOOKS);
  directory(DIRECTORY);
  found = uninstallPreloads({ root, names: PRELOADS, dryRun, onLine }) || found;
  binary();
  finish();

  /** Removes a service and its link. A link without its service would do nothing. */
  function service({ service, enabled }: ServiceManager): void {
    if (entryAt(tree.peek(enabled))?.isSymbolicLink()) remove(enabled);
    file(service, isSealed);
  }

  /** Removes a file if its text is that of an install. */
  function file(path: string, isOurs: (text: string) => boolean): void {
    const at = tree.peek(path);
    if (entryAt(at) === undefined) return;
    const text = readText(at);
    if (text !== undefined && isOurs(text)) remove(path);
    else keep(path, "the file was changed after its installation");
  }

  /** Removes the binary; a script or a link of a user in its place stays. */
  function binary(): void {
    const at = tree.peek(BINARY);
    const entry = entryAt(at);
    if (entry === undefined) return;
    if (entry.isFile() && readElf(at) !== undefined) remove(BINARY);
    else keep(BINARY, "it is not the binary that was installed");
  }

  /** Removes a directory that is empty, or that a dry run would have emptied. */
  function directory(path: string): void {
    const at = tree.peek(path);
    if (!entryAt(at)?.isDirectory()) return;
    const rest = readdirSync(at).map((name) => `${path}/${name}`)
      .filter((path) => !removed.has(path));
    if (rest.length === 0) remove(path, true);
    else keep(path, "the directory is not empty");
  }

  function keep(path: string, why: string): void {
    found = true;
    onLine({ what: "kept", path, why });
  }

  function remove(path: string, isDirectory = false): void {
    found = true;
    removed.add(path);
    try {
      if (!dryRun) (isDirectory ? rmdirSync : rmSync)(tree.peek(path));
    } catch (error) {
      throw new InstallError(`Cannot remove ${path}: ${errorText(error)}`);
    }
    onLine({ what: "removed", path });
  }

  function finish(): void {
    if (!found) onLine({ what: "note", why: "the tree has no Lull" });
    else if (tree.root === "/" && removed.has(BINARY)) {
      const stop = serviceManagersOf(tree).find(({ stop }) => stop)?.stop;
      const how = stop ? `: end it with ${stop}` : " until the machine ends";
      onLine({ what: "note", why: `an agent that runs continues${how}` });
    }
  }
}
