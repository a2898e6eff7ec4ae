/**
 * Lull: makes a virtual machine safe to snapshot, and right again after the
 * restore. Arguments, configuration, runtime, agent; no logic.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { ConfigError, parseConfig } from "./src/config.ts";
import { loadRuntime } from "./src/runtime/mod.ts";
import { serve } from "./src/serve.ts";
import { VERSION } from "./src/version.ts";

const runtime = await loadRuntime();
const degraded = runtime.prepareProcess();
try {
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
    case "serve":
      await serve({
        runtime,
        config: parsed.config,
        degraded,
        // Beside main.ts, because a compiled binary finds it from there.
        forwarderUrl: new URL(
          "./src/ports/forwarder_worker.ts",
          import.meta.url,
        ),
        freezerUrl: new URL(
          "./src/linux/freezer_worker.ts",
          import.meta.url,
        ),
      });
  }
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(`lull: ${error.message}`);
  process.exit(2);
}
