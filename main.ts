/**
 * Parses the command line and runs one command.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { parseConfig } from "./src/config/mod.ts";
import { loadRuntime } from "./src/runtime/mod.ts";
import { serve } from "./src/agent/serve.ts";
import { failureOf } from "./src/config/start_error.ts";
import { VERSION } from "./src/version.ts";

try {
  const runtime = await loadRuntime();
  const degraded = runtime.prepareProcess();
  const parsed = parseConfig(
    process.argv.slice(2),
    process.env,
    (path) => readFileSync(path, "utf8"),
  );
  switch (parsed.kind) {
    case "help":
      console.log(parsed.text);
      break;
    case "version":
      console.log(VERSION);
      break;
    case "install": {
      const { runInstall } = await import("./src/install/main.ts");
      process.exitCode = runInstall(parsed);
      break;
    }
    case "doctor": {
      const { runDoctor } = await import("./src/doctor/main.ts");
      process.exitCode = await runDoctor(runtime, parsed);
      break;
    }
    case "call": {
      const { runCall } = await import("./src/cli/main.ts");
      process.exitCode = await runCall(runtime, parsed);
      break;
    }
    case "serve":
      await serve({
        runtime,
        config: parsed.config,
        degraded,
        forwarderUrl: beside("./src/ports/forwarder_worker"),
        freezerUrl: beside("./src/linux/freezer_worker"),
      });
  }
} catch (error) {
  const { line, exitCode } = failureOf(error);
  console.error(line);
  process.exit(exitCode);
}

/**
 * The URL of a worker's module, without an extension in `path`. The extension is that of this module:
 * the bundle for Deno consists of JavaScript files. A compiled binary resolves the same URL.
 */
function beside(path: string): URL {
  const ending = import.meta.url.endsWith(".js") ? "js" : "ts";
  return new URL(`${path}.${ending}`, import.meta.url);
}
