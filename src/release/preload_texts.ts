/**
 * The texts of the preloads, as a module: the binary has no files beside it. `make preloads` writes
 * them to src/install/preload/texts.ts.
 * @module
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = new URL("../install/preload/", import.meta.url);

/** The file that has the texts. */
export const TEXTS_FILE: string = fileURLToPath(
  new URL("texts.ts", folder).href,
);

/** The files, and the names of their texts. */
const FILES = {
  PYTHON: "lull_random.py",
  SCRIPT: "lull_random.cjs",
  NODE_OPENSSL: "node_openssl.cnf",
};

/** The module with the texts. */
export function textsModule(): string {
  const lines = Object.entries(FILES).map(([name, file]) => {
    const path = fileURLToPath(new URL(file, folder).href);
    const text = JSON.stringify(readFileSync(path, "utf8"));
    return `/** ${file} */\nexport const ${name} = ${text};\n`;
  });
  return `// deno-fmt-ignore-file
/**
 * The texts of the files beside this one, written by \`make preloads\`.
 * @module
 */

${lines.join("\n")}`;
}

if (import.meta.main) writeFileSync(TEXTS_FILE, textsModule());
