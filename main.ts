/**
 * Parses the command line and runs one command.
 *
 * It imports nothing that it can load later: on Bun, a start without the settings of
 * {@linkcode prepareProcess} executes this module twice, and the first execution
 * then takes 6 ms instead of 20.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { loadRuntime, prepareProcess } from "./src/runtime/mod.ts";

try {
  const degraded = prepareProcess();
  const { parseConfig } = await import("./src/config/mod.ts");
  const parsed = parseConfig(
    process.argv.slice(2),
    process.env,
    (path) => readFileSync(path, "utf8"),
  );
  switch (parsed.kind) {
    case "help":
      console.log(parsed.text);
      break;
    case "version": {
      const { VERSION } = await import("./src/version.ts");
      console.log(VERSION);
      break;
    }
    case "envd-version": {
      const { ENVD_VERSION } = await import("./src/dialects/e2b/version.ts");
      console.log(ENVD_VERSION);
      break;
    }
    case "install": {
      const { runInstall } = await import("./src/install/main.ts");
      process.exitCode = runInstall(parsed);
      break;
    }
    case "doctor": {
      const { runDoctor } = await import("./src/doctor/main.ts");
      process.exitCode = await runDoctor(await loadRuntime(), parsed);
      break;
    }
    case "call": {
      const { runCall } = await import("./src/cli/main.ts");
      process.exitCode = await runCall(await loadRuntime(), parsed);
      break;
    }
    case "ready": {
      const { runReady } = await import("./src/cli/ready.ts");
      process.exitCode = runReady(await loadRuntime(), parsed);
      break;
    }
    case "serve": {
      const { serve } = await import("./src/agent/serve.ts");
      await serve({
        runtime: await loadRuntime(),
        config: parsed.config,
        degraded,
        forwarderUrl: beside("./src/ports/forwarder_worker"),
        freezerUrl: beside("./src/linux/freezer_worker"),
      });
    }
  }
} catch (error) {
  const { failureOf } = await import("./src/config/error.ts");
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
