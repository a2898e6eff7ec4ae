/**
 * Builds the bundle for Deno into the directory of the first argument, from the entry points of the
 * others. The modules of Node that src/runtime/deno/node has come from there: Node's own take 20 ms
 * of CPU time at the start, and 5 MiB.
 * @module
 */
import process from "node:process";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(
  new URL("../runtime/deno/node/", import.meta.url).href,
);
const OWN = /^node:(fs|os|path|process)$/;

const [outdir, ...entrypoints] = process.argv.slice(2);
await Bun.build({
  entrypoints,
  outdir,
  root: ".",
  target: "node",
  format: "esm",
  minify: true,
  splitting: true,
  external: ["bun*"],
  // The Makefile knows these names.
  naming: { chunk: "[name]-[hash].[ext]" },
  plugins: [{
    name: "own modules of Node",
    setup(build) {
      build.onResolve({ filter: OWN }, ({ path }) => ({
        path: `${FOLDER}${OWN.exec(path)![1]}.ts`,
      }));
    },
  }],
});
