/**
 * Runs a script in a network namespace of its own, where it may do to the
 * network what it likes. Its last line of output is its result, as JSON.
 */
import { spawn, spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

/** Why this machine cannot, for a test's `skip`; false if it can. */
export function namespaceProblem(): string | false {
  if (process.getuid?.() !== 0) return "needs root";
  const { status } = spawnSync("unshare", [
    ...["-n", "-u", "ip", "link", "add"],
    ...["v0", "type", "veth", "peer", "name", "v1"],
  ]);
  return status === 0 ? false : "needs unshare, ip and veth";
}

/** The command that runs a script on the runtime of this test. */
export function commandFor(script: URL): string[] {
  const run = "Deno" in globalThis ? ["run", "-A", "--no-check"] : [];
  return [process.execPath, ...run, fileURLToPath(script.href)];
}

/** Runs it with one argument, which it gets as JSON. */
export async function inNamespace<T>(script: URL, argument = {}): Promise<T> {
  const child = spawn("unshare", [
    // Mounts that the script makes end with it.
    ...["-n", "-u", "-m"],
    ...commandFor(script),
    JSON.stringify(argument),
  ], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => output += text);
  child.stderr.setEncoding("utf8").on("data", (text) => errors += text);
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) {
    throw new Error(`Cannot run ${script.href}: ${code}, ${errors}`);
  }
  return JSON.parse(output.trim().split("\n").at(-1)!);
}
