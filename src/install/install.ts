/**
 * Puts Lull into a tree of files, so that it starts with the guest.
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

/** What became of one thing. */
export interface Line {
  /** `kept`: it differs from what install would write, and somebody wanted that. */
  readonly what: "written" | "unchanged" | "kept" | "warning";
  readonly path?: string;
  readonly why?: string;
}

/** What to install, and where. */
export interface InstallOptions {
  /** The directory of the tree. */
  readonly root: string;
  /** The compiled binary. */
  readonly binary: string;
  /** Hears of each thing as it is done. */
  readonly onLine: (line: Line) => void;
}

/**
 * Installs; what is as it should be already, or was changed by somebody else,
 * stays. Throws an InstallError at the first thing that cannot be done: what was
 * done before it stays, and the next install goes on from there.
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
      `the tree has no ${elf.interpreter}, without which ${BINARY} cannot start`;
    onLine({ what: "warning", why });
  }
  written(HOOKS, tree.directory(HOOKS).made);
  config();
  service(SYSTEMD, UNIT, 0o644);
  const hasOpenrc = has(OPENRC.signs);
  if (hasOpenrc) service(OPENRC, OPENRC_SCRIPT, 0o755);
  if (!hasOpenrc && !has(SYSTEMD.signs)) {
    const why =
      `the tree has neither systemd nor OpenRC: let its init start ${BINARY}`;
    onLine({ what: "warning", why });
  }

  function has(signs: readonly string[]): boolean {
    return signs.some((sign) => tree.find(sign) !== undefined);
  }

  /** All defaults; what anybody made of it is not ours to change. */
  function config(): void {
    const text = "{}\n";
    const at = tree.place(CONFIG);
    if (entryAt(at) === undefined) {
      written(CONFIG, writeWhole(at, { text }, 0o644));
    } else if (readText(at) === text) written(CONFIG, false);
    else kept(CONFIG, "it is the configuration of this tree");
  }

  /**
   * The link that enables it comes before the service: where there is a service
   * without the link, somebody has disabled it.
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
    else if (!isNew) kept(enabled, "it is not there: the service is disabled");
    else {
      linkWhole(link, service);
      written(enabled, true);
    }
    const before = readText(at);
    if (isNew || (before !== undefined && isSealed(before))) {
      written(service, writeWhole(at, { text }, mode));
    } else if (before === undefined) {
      kept(service, "it is no file of its own, but a link or a directory");
    } else kept(service, "it was changed since it was installed");
  }
}

function readBinary(path: string) {
  try {
    const elf = statSync(path).isFile() ? readElf(path) : undefined;
    if (elf !== undefined) return elf;
  } catch (error) {
    throw new InstallError(`Cannot install ${path}: ${errorText(error)}`);
  }
  throw new InstallError(`Cannot install ${path}: it is no compiled program`);
}
