/**
 * Packages of PyPI for a test, in a Python environment of their own.
 * @module
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";

/** The interpreter that makes the environments. */
export const PYTHON = process.env.PYTHON ?? "python3";

/** Runs a program; returns why it failed, or undefined. */
export function failure(
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

/**
 * Installs the packages of a requirements.txt, unless exactly these are there. Returns why it cannot,
 * or undefined.
 */
export function installVenv(
  venv: string,
  requirements: string,
): string | undefined {
  const installed = join(venv, "requirements.txt");
  const wanted = readFileSync(requirements, "utf8");
  if (existsSync(installed) && readFileSync(installed, "utf8") === wanted) {
    return undefined;
  }
  rmSync(venv, { recursive: true, force: true });
  const pip = ["-m", "pip", "install", "--quiet", "--requirement"];
  const why = failure(PYTHON, ["-m", "venv", venv]) ??
    failure(join(venv, "bin", "python"), [...pip, requirements]);
  if (why === undefined) copyFileSync(requirements, installed);
  return why;
}
