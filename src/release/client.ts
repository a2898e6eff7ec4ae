/**
 * The client as a package for npm: one module, and the types of its public part. It
 * has no dependencies.
 * @module
 */
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { VERSION } from "../version.ts";

const TOP = fileURLToPath(new URL("../..", import.meta.url).href);
const SOURCES = join(TOP, "src");
const ENTRY = "client/mod";

/** The file package.json. */
const MANIFEST = {
  name: "lull-client",
  version: VERSION,
  description: "Client of Lull, the agent that makes a VM safe to snapshot",
  license: "Apache-2.0",
  type: "module",
  exports: {
    ".": { types: `./types/${ENTRY}.d.ts`, default: "./client.js" },
  },
  // process.getBuiltinModule, with which the client loads node:net
  engines: { node: "^20.16.0 || >=22.3.0" },
} as const;

/** Runs a command in a directory; throws if the command fails. */
type Run = (command: string, args: readonly string[], cwd: string) => unknown;

/** Writes the package to the folder `package` in `directory`, an absolute path. */
export function writeClient(directory: string, run: Run): void {
  rmSync(directory, { recursive: true, force: true });
  const at = (...path: string[]) => join(directory, ...path);
  mkdirSync(at("package"), { recursive: true });
  writeFileSync(
    at("package/package.json"),
    `${JSON.stringify(MANIFEST, undefined, 2)}\n`,
  );
  copyFileSync(join(TOP, "LICENSE"), at("package/LICENSE"));
  copyFileSync(join(SOURCES, "client/README.md"), at("package/README.md"));
  const entry = join(SOURCES, `${ENTRY}.ts`);
  // The bundle has the paths of its sources, as they are from the current directory.
  run("bun", [
    ...["build", "--target=node", "--format=esm"],
    ...[`--outfile=${at("package/client.js")}`, entry],
  ], TOP);
  // `deno check` has checked the sources. With isolated declarations, the types of a
  // file follow from its text alone: the compiler needs no types of Node.
  run("tsc", [
    ...["--ignoreConfig", "--declaration", "--emitDeclarationOnly"],
    ...["--isolatedDeclarations", "--noCheck", "--allowImportingTsExtensions"],
    ...["--module", "nodenext", "--target", "esnext", "--types", ""],
    ...["--rootDir", SOURCES, "--outDir", at("types"), entry],
  ], TOP);
  copyTypes(at("types"), at("package/types"), `${ENTRY}.d.ts`, new Set());
}

/** Copies the file of types and those that it imports; the others are not public. */
function copyTypes(
  from: string,
  to: string,
  file: string,
  copied: Set<string>,
): void {
  if (copied.has(file)) return;
  copied.add(file);
  const text = readFileSync(join(from, file), "utf8");
  mkdirSync(dirname(join(to, file)), { recursive: true });
  // A program that uses the package may not import files that end in .ts.
  writeFileSync(
    join(to, file),
    text.replaceAll(/(from ")(\.[^"]+)\.ts"/g, '$1$2.js"'),
  );
  for (const [, target] of text.matchAll(/from "(\.[^"]+)\.ts"/g)) {
    copyTypes(from, to, join(dirname(file), `${target}.d.ts`), copied);
  }
}
