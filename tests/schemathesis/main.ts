/**
 * Tries on the binary whether it keeps what its OpenAPI document says, by
 * schemathesis (PyPI). `bun run tests/schemathesis/main.ts`
 *
 * A recovery changes addresses, host names and clocks: the agent and schemathesis
 * run in namespaces of their own, and without the right to set the clock.
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { writeJunit } from "../support/junit.ts";
import { failure, installVenv, PYTHON } from "../support/venv.ts";

const ROOT = join(import.meta.dirname!, "..", "..");
const VENV = join(ROOT, ".tools", "schemathesis");
const REQUIREMENTS = join(import.meta.dirname!, "requirements.txt");
/** Where `make summary` counts what ran. */
const JUNIT = join(ROOT, "dist", "junit", "schemathesis.xml");

/** What starts a program in namespaces of its own; they end with it. */
const ISOLATED = [
  ...["setpriv", "--pdeathsig=KILL"],
  ...["unshare", "--net", "--uts", "--mount", "--pid", "--mount-proc"],
  ...["--fork", "--kill-child"],
  ...["setpriv", "--bounding-set=-sys_time", "--inh-caps=-sys_time"],
];

/** Why it cannot be run here, or undefined. */
function reasonToSkip(): string | undefined {
  const noPython = failure(PYTHON, ["--version"]);
  if (noPython !== undefined) return `there is no Python: ${noPython}`;
  const [command, ...args] = ISOLATED;
  const noNamespace = failure(command, [...args, "true"]);
  if (noNamespace !== undefined) {
    return `no namespaces can be made, which needs root: ${noNamespace}`;
  }
  const notInstalled = installVenv(VENV, REQUIREMENTS);
  return notInstalled &&
    `the packages of ${REQUIREMENTS} cannot be installed: ${notInstalled}`;
}

/** One line that says so, and a skipped test for the summary. */
function skip(why: string): number {
  console.log(`schemathesis: skipped: ${why}`);
  writeJunit(JUNIT, "schemathesis", [{ name: "schemathesis", skipped: why }]);
  return 0;
}

async function run(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "lull-schemathesis-"));
  const [command, ...args] = ISOLATED;
  const child = spawn(command, [
    ...args,
    process.execPath,
    ...["run", join(import.meta.dirname!, "inside.ts")],
    ...[join(VENV, "bin", "schemathesis"), JUNIT],
  ], {
    cwd: directory,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      // What is left there goes with the directory, however this ends.
      TMPDIR: directory,
      OUTSIDE: readlinkSync("/proc/self/ns/net"),
    },
  });
  const end = () => void child.kill("SIGKILL");
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, end);
  }
  try {
    const [code] = await once(child, "close");
    return code ?? 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

mkdirSync(join(ROOT, "dist", "junit"), { recursive: true });
rmSync(JUNIT, { force: true });
const why = reasonToSkip();
process.exitCode = why === undefined ? await run() : skip(why);
