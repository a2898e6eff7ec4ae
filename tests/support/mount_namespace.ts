/**
 * Runs a script in a mount namespace of its own, where it may mount what it likes. Its last line
 * of output is its result, as JSON.
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { commandFor } from "./namespace/mod.ts";

/** Why this machine cannot, for a test's `skip`; false if it can. */
export function mountNamespaceProblem(): string | false {
  if (process.getuid?.() !== 0) return "needs root";
  const { status } = spawnSync("unshare", [
    ...["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
  ]);
  return status === 0 ? false : "needs unshare, and the right to mount";
}

/** Runs it with one argument, which it gets as JSON. */
export function inMountNamespace<T>(script: URL, argument: object = {}): T {
  const { status, stdout, stderr } = spawnSync("unshare", [
    ...["-m", ...commandFor(script), JSON.stringify(argument)],
  ], { encoding: "utf8" });
  if (status !== 0) {
    throw new Error(`Cannot run ${script.href}: ${status}, ${stderr}`);
  }
  return JSON.parse(stdout.trim().split("\n").at(-1)!);
}
