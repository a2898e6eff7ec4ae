/**
 * Runs one hook script in its own process group, within its limit, and stores its
 * output up to a maximum size.
 * @module
 */
import type { ChildProcess } from "node:child_process";
import process from "node:process";
import type { Variables } from "../identity/env_file.ts";
import { withoutProtection } from "../linux/oom_score.ts";
import { hasCode, since } from "../util/errors.ts";
import { nodeChildProcess } from "../util/lazy_builtins.ts";
import { type Early, within } from "../util/within.ts";
import {
  hintFor,
  runMethodOf,
  spawnErrorCode,
  whyNotRun,
} from "./executable.ts";
import {
  asEnvironment,
  type CallLimits,
  type HookEvent,
  type HookResult,
  reasonOf,
} from "./hook.ts";
import { OUTPUT, Output } from "./output.ts";

/** Environment variables that a script inherits from the agent, besides PATH. */
const INHERITED = ["HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ"];
/** The PATH of a script if the agent has none. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Milliseconds that the kernel gets to end a process after SIGKILL. */
const KILL_MS = 1000;
/** Milliseconds to read the output that is in the pipes when the script ends. */
const DRAIN_MS = 20;

/** The result of running a script. */
type ScriptResult = Omit<HookResult, "name" | "kind">;

/**
 * Runs a script with the phase as its argument, until its main process ends. A
 * background process of the script may hold the output pipes open: its later output
 * is read and dropped, so that it never writes into a closed pipe. If the script
 * fails or reaches its limit, its process group is killed; a process that called
 * setsid(2) survives. `variables` reads those of this fork. Never rejects.
 */
export async function runScript(
  path: string,
  event: HookEvent,
  limits: CallLimits,
  variables: () => Variables = () => ({}),
): Promise<ScriptResult> {
  const start = performance.now();
  const output = new Output();
  const report = (
    status: ScriptResult["status"],
    more: Partial<ScriptResult>,
  ) => ({ status, ms: since(start), ...more, [OUTPUT]: output.text });
  let child: ChildProcess;
  try {
    const given = variables();
    child = withoutProtection(() => launch(path, event, given));
  } catch (error) {
    return report("failed", {
      reached: false,
      reason: whyNotRun(path, error),
    });
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (bytes: Uint8Array) => output.add(bytes));
    // Only the end of the script decides its result. An error without a listener would
    // end the agent.
    stream?.on("error", ({ message }) => {
      output.add(
        new TextEncoder().encode(`\nCannot read more output: ${message}\n`),
      );
    });
  }
  const closed = new Promise<void>((resolve) => child.once("close", resolve));
  const end = await endOf(child, limits);
  if (end.kind === "error") {
    return report("failed", {
      reached: false,
      reason: whyNotRun(path, end.error),
    });
  }
  const ok = end.kind === "exit" && end.code === 0;
  if (!ok) killGroup(child.pid);
  await within(closed, { limitMs: DRAIN_MS });
  detach(child);
  if (end.kind !== "exit") {
    const stuck = end.gone ? "" : `; it still runs ${KILL_MS} ms after SIGKILL`;
    const reason = reasonOf(end.kind, limits.limitMs) + stuck;
    return report(end.kind, { reason });
  }
  if (end.code === null) {
    return report("failed", { reason: `killed by ${end.signal}` });
  }
  if (ok) return report("done", { exitCode: 0 });
  const hint = hintFor(path, end.code, searchPath());
  const reason = `exit code ${end.code}${
    hint === undefined ? "" : `; ${hint}`
  }`;
  return report("failed", { exitCode: end.code, reason });
}

type End =
  | { kind: "exit"; code: number | null; signal: string | null }
  | { kind: "error"; error: unknown }
  | { kind: Early; gone: boolean };

async function endOf(child: ChildProcess, limits: CallLimits): Promise<End> {
  const ended = new Promise<End>((resolve) => {
    child.once(
      "exit",
      (code, signal) => resolve({ kind: "exit", code, signal }),
    );
    child.on("error", (error) => resolve({ kind: "error", error }));
  });
  const first = await within(ended, limits);
  if ("value" in first) return first.value;
  killGroup(child.pid);
  const gone = "value" in await within(ended, { limitMs: KILL_MS });
  return { kind: first.early, gone };
}

function launch(
  path: string,
  event: HookEvent,
  variables: Variables,
): ChildProcess {
  const method = runMethodOf(path);
  const env: Record<string, string> = { PATH: searchPath() };
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value) env[name] = value;
  }
  const options = {
    cwd: "/",
    // setsid(2): the script gets its own session and therefore its own process group.
    detached: true,
    env: { ...env, ...variables, ...asEnvironment(event) },
    stdio: ["ignore", "pipe", "pipe"] as ("ignore" | "pipe")[],
  };
  const byShell = () =>
    nodeChildProcess().spawn("/bin/sh", [path, event.phase], options);
  if (method === "shell") return byShell();
  try {
    return nodeChildProcess().spawn(path, [event.phase], options);
  } catch (error) {
    // The interpreter of the script is a text without "#!". execvp(3), which Deno
    // uses, runs the script by a shell in this case.
    if (spawnErrorCode(error) !== "ENOEXEC" || method === "program") {
      throw error;
    }
    return byShell();
  }
}

function searchPath(): string {
  return process.env.PATH || PATH;
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    // ESRCH: the process group has no process left.
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** Reads and drops all further output, without keeping the agent running for it. */
function detach(child: ChildProcess): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.removeAllListeners("data");
    stream?.resume();
    (stream as { unref?(): void } | null)?.unref?.();
  }
  child.unref();
}
