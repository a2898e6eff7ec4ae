/**
 * An agent that is started where another one runs already.
 * @module
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { commandOf, type Target } from "./agent.ts";

/** Milliseconds until it must have ended by itself. */
const END_MS = 60_000;

/**
 * Starts an agent with these flags, among them the runtime directory of one that
 * runs. Fails unless it ends with exit code 1 and one line.
 */
export async function startAnother(
  target: Target,
  flags: readonly string[],
): Promise<void> {
  const [command, ...args] = [...commandOf(target), ...flags];
  const child = spawn(command, [...args, "--listen=127.0.0.1:0"], {
    stdio: ["ignore", "ignore", "pipe"],
    timeout: END_MS,
    killSignal: "SIGKILL",
  });
  let stderr = "";
  child.stderr.on("data", (text) => stderr += text);
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(code, 1, stderr);
  assert.match(stderr, /^lull: [^\n]+\n$/);
}
