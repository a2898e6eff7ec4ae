/**
 * The parsers of others with which the metrics and the rules are checked: the Prometheus client of
 * Python, and promtool. What is missing comes into .tools, and installs nothing on this machine.
 * @module
 */
import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { which } from "../../vm/support/run.ts";

const TOOLS = join(import.meta.dirname!, "..", "..", "..", ".tools");
const VENV = join(TOOLS, "observability");
const REQUIREMENTS = join(import.meta.dirname!, "requirements.txt");
const PROMTOOL = join(TOOLS, "bin", "promtool");

/** A command, or why there is none. */
export type Tool = { readonly command: string } | { readonly missing: string };

/** Runs a program; returns why it failed, or undefined. */
function failure(
  command: string,
  args: readonly string[],
  cwd?: string,
): string | undefined {
  const { status, error, stderr } = spawnSync(command, args, {
    ...{ encoding: "utf8", cwd },
  });
  if (error !== undefined) return `${command} cannot be run: ${error.message}`;
  if (status === 0) return undefined;
  return stderr.trim().split("\n").at(-1) || `${command} ended with ${status}`;
}

/** A Python that has the Prometheus client. */
export function python(): Tool {
  const command = join(VENV, "bin", "python");
  const installed = join(VENV, "requirements.txt");
  const wanted = readFileSync(REQUIREMENTS, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) {
    return { command };
  }
  rmSync(VENV, { recursive: true, force: true });
  const pip = ["-m", "pip", "install", "--quiet", "--requirement"];
  const why = failure(process.env.PYTHON ?? "python3", ["-m", "venv", VENV]) ??
    failure(command, [...pip, REQUIREMENTS]);
  if (why !== undefined) {
    return { missing: `the Prometheus client of Python is missing: ${why}` };
  }
  copyFileSync(REQUIREMENTS, installed);
  return { command };
}

/** promtool of this machine, or of Debian's package, which is unpacked and not installed. */
export function promtool(): Tool {
  const command = which("promtool") ??
    (existsSync(PROMTOOL) ? PROMTOOL : undefined);
  if (command !== undefined) return { command };
  mkdirSync(join(TOOLS, "bin"), { recursive: true });
  const work = mkdtempSync(join(TOOLS, "promtool-"));
  try {
    const missing = failure("apt-get", ["download", "prometheus"], work) ??
      failure("dpkg-deb", [
        ...["--extract", readdirSync(work)[0] ?? "", "tree"],
      ], work);
    if (missing !== undefined) {
      return { missing: `promtool is missing: ${missing}` };
    }
    copyFileSync(join(work, "tree/usr/bin/promtool"), PROMTOOL);
    return { command: PROMTOOL };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
