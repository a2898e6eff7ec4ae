/**
 * Installs Lull into the tree of a root filesystem, so that Lull starts with the guest.
 * @module
 */
import { statSync } from "node:fs";
import { errorText } from "../util/errors.ts";
import { readElf } from "../linux/elf.ts";
import { InstallError } from "./error.ts";
import { BINARY, isSealed, OPENRC_SCRIPT, UNIT } from "./service.ts";
import { entryAt, Tree } from "./tree.ts";
import { linkWhole, readText, writeWhole } from "./write.ts";

const CONFIG = "/etc/lull/config.json";
const HOOKS = "/etc/lull/hooks.d";
const SYSTEMD = {
  service: "/etc/systemd/system/lull.service",
  enabled: "/etc/systemd/system/multi-user.target.wants/lull.service",
  signs: ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"],
};
const OPENRC = {
  service: "/etc/init.d/lull",
  enabled: "/etc/runlevels/default/lull",
  signs: ["/sbin/openrc-run", "/usr/sbin/openrc-run", "/sbin/openrc"],
};

/** One line of the output: the result for one file, or a warning. */
export interface Line {
  /** `kept`: the file was changed by a user, and is therefore not replaced. */
  readonly what: "written" | "unchanged" | "kept" | "warning";
  readonly path?: string;
  readonly why?: string;
}

/** What {@linkcode install} needs. */
export interface InstallOptions {
  /** The root directory of the tree. */
  readonly root: string;
  /** The path of the compiled binary. */
  readonly binary: string;
  /** Called with each line, as soon as its file is done. */
  readonly onLine: (line: Line) => void;
}

/**
 * Installs the binary, the hooks directory, the configuration and the services. A
 * file that is up to date or was changed by a user stays as it is. Throws an
 * InstallError at the first failure: the files before it stay installed, and the
 * next install does the rest.
 */
export function install(options: InstallOptions): void {
  const { binary, onLine } = options;
  const elf = readBinary(binary);
  const tree = new Tree(options.root);

  const written = (path: string, isNew: boolean) =>
    onLine({ what: isNew ? "written" : "unchanged", path });
  const kept = (path: string, why: string) =>
    onLine({ what: "kept", path, why });

  written(
    BINARY,
    writeWhole(tree.place(BINARY), { file: binary }, 0o755),
  );
  if (elf.interpreter && tree.find(elf.interpreter) === undefined) {
    const why =
      `the tree has no ${elf.interpreter}, which ${BINARY} needs to start: add this C library`;
    onLine({ what: "warning", why });
  }
  written(HOOKS, tree.directory(HOOKS).made);
  config();
  service(SYSTEMD, UNIT, 0o644);
  const hasOpenrc = has(OPENRC.signs);
  if (hasOpenrc) service(OPENRC, OPENRC_SCRIPT, 0o755);
  if (!hasOpenrc && !has(SYSTEMD.signs)) {
    const why =
      `the tree has neither systemd nor OpenRC: let its init program start ${BINARY}`;
    onLine({ what: "warning", why });
  }

  function has(signs: readonly string[]): boolean {
    return signs.some((sign) => tree.find(sign) !== undefined);
  }

  /** Writes a configuration without options; keeps one that exists. */
  function config(): void {
    const text = "{}\n";
    const at = tree.place(CONFIG);
    if (entryAt(at) === undefined) {
      written(CONFIG, writeWhole(at, { text }, 0o644));
    } else if (readText(at) === text) written(CONFIG, false);
    else kept(CONFIG, "the tree already has a configuration");
  }

  /**
   * Writes a service and the link that enables it. The link is written first:
   * therefore a service without its link was disabled by a user, and stays disabled.
   */
  function service(
    { service, enabled }: typeof SYSTEMD,
    text: string,
    mode: number,
  ): void {
    const at = tree.place(service);
    const isNew = entryAt(at) === undefined;
    const link = tree.place(enabled);
    if (entryAt(link) !== undefined) written(enabled, false);
    else if (!isNew) kept(enabled, "the service is disabled");
    else {
      linkWhole(link, service);
      written(enabled, true);
    }
    const before = readText(at);
    if (isNew || (before !== undefined && isSealed(before))) {
      written(service, writeWhole(at, { text }, mode));
    } else if (before === undefined) {
      kept(service, "the path is a link or a directory");
    } else kept(service, "the file was changed after its installation");
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
