/**
 * A small root filesystem, into which a package manager installs a package.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { script } from "../../support/hooks.ts";

/** A static program that is also a shell, for the scripts of packages. */
const BUSYBOX = "/bin/busybox";
export const withoutShell = existsSync(BUSYBOX)
  ? false
  : "busybox-static is not installed";

/** The tree, until it is disposed of. */
export class PackageTree implements Disposable {
  readonly root = mkdtempSync(join(tmpdir(), "lull-packages-"));

  /** Each command is a program in the tree that notes its arguments in /calls. */
  constructor(...commands: string[]) {
    mkdirSync(this.at("/bin"));
    copyFileSync(BUSYBOX, this.at("/bin/busybox"));
    for (const name of ["sh", "rm", "echo"]) {
      symlinkSync("busybox", this.at(`/bin/${name}`));
    }
    for (const name of commands) {
      const path = this.at(`/usr/bin/${name}`);
      mkdirSync(dirname(path), { recursive: true });
      script(path, `#!/bin/sh\necho ${name} "$@" >> /calls\n`);
    }
  }

  /** The path of an entry on this machine. */
  at(path: string): string {
    return join(this.root, path);
  }

  has(path: string): boolean {
    return existsSync(this.at(path));
  }

  read(path: string): string {
    return readFileSync(this.at(path), "utf8");
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.at(path)), { recursive: true });
    writeFileSync(this.at(path), text);
  }

  /** The calls of the commands since the last time. */
  calls(): string[] {
    if (!this.has("/calls")) return [];
    const lines = this.read("/calls").trim().split("\n");
    rmSync(this.at("/calls"));
    return lines;
  }

  /** Everything in the tree whose path has the word. */
  named(word: string): string[] {
    return readdirSync(this.root, { recursive: true, encoding: "utf8" })
      .filter((path) => path.includes(word)).sort();
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true });
  }
}
