/**
 * Installs Lull into the tree of a root filesystem, so that Lull starts with the guest.
 * @module
 */
import { statSync } from "node:fs";
import { errorText } from "../util/errors.ts";
import { readElf } from "../linux/elf.ts";
import { InstallError } from "./error.ts";
import {
  CONFIG,
  CONFIG_TEXT,
  HOOKS,
  initAdvice,
  PRESET_FILE,
  relabelAdvice,
  type ServiceManager,
  serviceManagersOf,
  SYSTEMD,
} from "./layout.ts";
import type { Line } from "./line.ts";
import { missingIn, refusePackaged, requireMachine } from "./requirements.ts";
import { BINARY, isSealed, PRESET } from "./service.ts";
import { entryAt, Tree } from "./tree.ts";
import {
  type Content,
  isUpToDate,
  linkWhole,
  readText,
  writeWhole,
} from "./write.ts";

/** What {@linkcode install} needs. */
export interface InstallOptions {
  /** The root directory of the tree. */
  readonly root: string;
  /** The path of the compiled binary. */
  readonly binary: string;
  /** Changes nothing: the lines say what an install would do. */
  readonly dryRun: boolean;
  /** Called with each line, as soon as its file is done. */
  readonly onLine: (line: Line) => void;
}

/**
 * Installs the binary, the hooks directory, the configuration and the services. A
 * file that is up to date or was changed by a user stays as it is. Throws an
 * InstallError at the first failure: the files before it stay installed, and the
 * next install does the rest. If the binary is for another machine than the tree,
 * nothing is written.
 */
export function install(options: InstallOptions): void {
  const { binary, dryRun, onLine } = options;
  const elf = readBinary(binary);
  const tree = new Tree(options.root);
  refusePackaged(tree, "install into");
  requireMachine(tree, binary, elf);
  const place = (path: string) => dryRun ? tree.peek(path) : tree.place(path);
  /** The paths that were written. */
  const labelled: string[] = [];

  const done = (path: string, isNew: boolean) => {
    if (isNew) labelled.push(path);
    onLine({ what: isNew ? "written" : "unchanged", path });
  };
  const kept = (path: string, why: string) =>
    onLine({ what: "kept", path, why });
  const warn = (why: string | undefined) => {
    if (why !== undefined) onLine({ what: "warning", why });
  };

  write(BINARY, { file: binary }, 0o755);
  warn(missingIn(tree, BINARY, elf));
  done(HOOKS, hooksAreMissing());
  config();
  const managers = serviceManagersOf(tree);
  for (const manager of managers) service(manager);
  if (managers.length === 0) warn(initAdvice(tree));
  finish();

  function write(path: string, content: Content, mode: number): void {
    const at = place(path);
    const isNew = !isUpToDate(at, content, mode);
    if (isNew && !dryRun) writeWhole(at, content, mode);
    done(path, isNew);
  }

  /** Creates the directory of hooks; returns whether it was missing. */
  function hooksAreMissing(): boolean {
    if (!dryRun) return tree.directory(HOOKS).made;
    return entryAt(tree.peek(HOOKS)) === undefined;
  }

  /** Writes a configuration without options; keeps one that exists. */
  function config(): void {
    const at = place(CONFIG);
    if (entryAt(at) === undefined) write(CONFIG, { text: CONFIG_TEXT }, 0o644);
    else if (readText(at) === CONFIG_TEXT) done(CONFIG, false);
    else kept(CONFIG, "the tree already has a configuration");
  }

  /**
   * Writes a service and the link that enables it. The link is written first:
   * therefore a service without its link was disabled by a user, and stays disabled.
   */
  function service(manager: ServiceManager): void {
    const { service, enabled, text, mode } = manager;
    const at = place(service);
    const isNew = entryAt(at) === undefined;
    const link = place(enabled);
    const isDisabled = !isNew && entryAt(link) === undefined;
    if (isDisabled) kept(enabled, "the service is disabled");
    else {
      const linkIsNew = entryAt(link) === undefined;
      if (linkIsNew && !dryRun) linkWhole(link, service);
      done(enabled, linkIsNew);
    }
    // A preset would enable the service again at the first boot of an image.
    if (manager === SYSTEMD && !isDisabled) {
      write(PRESET_FILE, { text: PRESET }, 0o644);
    }
    const before = readText(at);
    if (isNew || (before !== undefined && isSealed(before))) {
      write(service, { text }, mode);
    } else if (before === undefined) {
      kept(service, "the path is a link or a directory");
    } else kept(service, "the file was changed after its installation");
  }

  /** Says what is left to do, if anything was written. */
  function finish(): void {
    if (labelled.length === 0) return;
    const advice = relabelAdvice(tree, labelled, (path) => {
      const found = tree.resolve(path);
      return found && readText(found);
    });
    if (advice !== undefined) onLine({ what: "note", why: advice });
    if (tree.root !== "/") return;
    for (const { start } of managers) {
      onLine({ what: "note", why: `the agent starts with ${start}` });
    }
  }
}

function readBinary(path: string) {
  try {
    const elf = statSync(path).isFile() ? readElf(path) : undefined;
    if (elf !== undefined) return elf;
  } catch (error) {
    throw new InstallError(`Cannot install ${path}: ${errorText(error)}`);
  }
  throw new InstallError(
    `Cannot install ${path}: the file is not a compiled program`,
  );
}
