/**
 * The files of a package, as a tree. Packages and archives are made from it, and an
 * image builder can copy it into a root filesystem.
 * @module
 */
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  CONFIG,
  CONFIG_TEXT,
  DIRECTORY,
  HOOKS,
  OPENRC,
  PACKAGED,
  PRESET_FILE,
} from "../install/layout.ts";
import { FILES, FOLDER } from "../install/preload/preloads.ts";
import { openrcScript, PRESET, unit } from "../install/service.ts";
import {
  bashCompletion,
  fishCompletion,
  zshCompletion,
} from "./completions.ts";
import { manual } from "./manual.ts";
import type { Target } from "./targets.ts";

/** One entry of the tree. */
export interface Entry {
  /** The path in the guest. */
  readonly path: string;
  readonly mode: number;
  /** `config`: a package manager keeps a file that the user changed. */
  readonly kind: "file" | "config" | "directory";
  /** The text or bytes; the path of a file to copy; undefined for a directory. */
  readonly content?: string | Uint8Array | { readonly file: string };
}

/** The entries for a target. `date` is the date of the manual page, YYYY-MM-DD. */
export function entriesOf(
  { services }: Target,
  binary: string,
  license: string,
  date: string,
): readonly Entry[] {
  const file = (path: string, content: Entry["content"], mode = 0o644) => ({
    ...{ path, content, mode },
    kind: "file" as const,
  });
  return [
    file(PACKAGED, { file: binary }, 0o755),
    { path: DIRECTORY, mode: 0o755, kind: "directory" },
    { path: HOOKS, mode: 0o755, kind: "directory" },
    { path: CONFIG, mode: 0o644, kind: "config", content: CONFIG_TEXT },
    ...services === "systemd"
      ? [
        file("/usr/lib/systemd/system/lull.service", unit(PACKAGED)),
        file(PRESET_FILE, PRESET),
      ]
      : [file(OPENRC.service, openrcScript(PACKAGED), OPENRC.mode)],
    file("/usr/share/man/man8/lull.8.gz", gzipSync(manual(date))),
    file("/usr/share/bash-completion/completions/lull", bashCompletion()),
    file("/usr/share/zsh/site-functions/_lull", zshCompletion()),
    file("/usr/share/fish/vendor_completions.d/lull.fish", fishCompletion()),
    // Each user chooses the programs that load them: lull install --preload.
    { path: dirname(FOLDER), mode: 0o755, kind: "directory" },
    { path: FOLDER, mode: 0o755, kind: "directory" },
    ...Object.entries(FILES).map(([path, text]) => file(path, text)),
    // The package owns the directory, and takes it along when it is removed.
    { path: "/usr/share/doc/lull", mode: 0o755, kind: "directory" },
    file("/usr/share/doc/lull/copyright", { file: license }),
  ];
}

/** Writes the tree into an empty directory. */
export function writeTree(root: string, entries: readonly Entry[]): void {
  rmSync(root, { recursive: true, force: true });
  for (const { path, mode, content } of entries) {
    const at = join(root, path);
    mkdirSync(content === undefined ? at : dirname(at), { recursive: true });
    if (typeof content === "object" && "file" in content) {
      copyFileSync(content.file, at);
    } else if (content !== undefined) writeFileSync(at, content);
    chmodSync(at, mode);
  }
}
