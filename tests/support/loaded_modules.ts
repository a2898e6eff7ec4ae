/**
 * Records the path of each module of the agent that Bun loads; the file is named by LOADED_MODULES.
 * Preloaded by BUN_OPTIONS, which stays when the agent executes itself again.
 */
import { appendFileSync, readFileSync } from "node:fs";
import process from "node:process";
// @ts-ignore only Bun has this module
import { plugin } from "bun";

const list = process.env.LOADED_MODULES!;

plugin({
  name: "loaded modules",
  // deno-lint-ignore no-explicit-any
  setup(build: any) {
    build.onLoad(
      { filter: /\/src\/.*\.ts$/ },
      ({ path }: { path: string }) => {
        appendFileSync(list, `${path}\n`);
        return { contents: readFileSync(path, "utf8"), loader: "ts" };
      },
    );
  },
});
