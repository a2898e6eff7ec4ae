/**
 * Runs one hook script: in a process group of its own, within its limit, its
 * output kept up to a cap.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { hasCode, since } from "../util/errors.ts";
import { deadline, type Ended, reasonOf } from "./deadline.ts";
import { hintFor, spawnErrorCode, wayToRun, whyNotRun } from "./executable.ts";
import {
  asEnvironment,
  type HookEvent,
  type HookResult,
  type Limits,
} from "./hook.ts";
import { OUTPUT, Output } from "./output.ts";

/** What a script inherits: enough to find programs, nothing of the agent's own. */
const INHERITED = ["HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ"];
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Milliseconds for the kernel to end a process that got SIGKILL. */
const KILL_MS = 1000;
/** Milliseconds for output that is in the pipe already to be read. */
const DRAIN_MS = 20;

/** What became of a script. */
export type ScriptResult = Omit<HookResult, "name" | "kind">;

/**
 * Runs it with the phase as its argument and ends with its main process: who it
 * left in the background may keep its output open, which is then read and
 * dropped, so that nothing writes into a closed pipe. Past the limit, or when it
 * failed, the whole process group is killed; only a process that made a session
 * of its own escapes that. Never throws.
 */
export async function runScript(
  path: string,
  facts: HookEvent,
  limits: Limits,
): Promise<ScriptResult> {
  const start = performance.now();
  const output = new Output();
  const report = (
    status: ScriptResult["status"],
    more: Partial<ScriptResult>,
  ) => ({ status, ms: since(start), ...more, [OUTPUT]: output.text });
  let child: ChildProcess;
  try {
    child = launch(path, facts);
  } catch (error) {
    return report("failed", {
      reached: false,
      reason: whyNotRun(path, error),
    });
  }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (bytes: Uint8Array) => output.add(bytes));
    // The script's end decides what became of it; without a listener the process would end.
    stream?.on("error", ({ message }) => {
      output.add(new TextEncoder().encode(`\nCannot read on: ${message}\n`));
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
  await within(DRAIN_MS, closed);
  leaveAlone(child);
  if (end.kind !== "exit") {
    const stuck = end.gone
      ? ""
      : `; still not gone ${KILL_MS} ms after SIGKILL`;
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
  | { kind: Ended; gone: boolean };

async function endOf(child: ChildProcess, limits: Limits): Promise<End> {
  const ended = new Promise<End>((resolve) => {
    child.once(
      "exit",
      (code, signal) => resolve({ kind: "exit", code, signal }),
    );
    child.on("error", (error) => resolve({ kind: "error", error }));
  });
  let off = () => {};
  const over = new Promise<Ended>((resolve) => off = deadline(limits, resolve));
  const first = await Promise.race([ended, over]);
  off();
  if (typeof first !== "string") return first;
  killGroup(child.pid);
  return { kind: first, gone: await within(KILL_MS, ended) };
}

function launch(path: string, facts: HookEvent): ChildProcess {
  const way = wayToRun(path);
  const env: Record<string, string> = { PATH: searchPath() };
  for (const name of INHERITED) {
    const value = process.env[name];
    if (value) env[name] = value;
  }
  const options = {
    cwd: "/",
    // setsid(2): a session, and so a process group, of its own
    detached: true,
    env: { ...env, ...asEnvironment(facts) },
    stdio: ["ignore", "pipe", "pipe"] as ("ignore" | "pipe")[],
  };
  const byShell = () => spawn("/bin/sh", [path, facts.phase], options);
  if (way === "by a shell") return byShell();
  try {
    return spawn(path, [facts.phase], options);
  } catch (error) {
    // A script whose interpreter is a text without "#!": execvp(3) runs the
    // script by a shell then, and Deno calls that.
    if (spawnErrorCode(error) !== "ENOEXEC" || way === "program") throw error;
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
    // ESRCH: nobody is left
    if (!hasCode(error, "ESRCH")) throw error;
  }
}

/** Lets what is left of the pipes go on without anybody who waits for it. */
function leaveAlone(child: ChildProcess): void {
  for (const stream of [child.stdout, child.stderr]) {
    stream?.removeAllListeners("data");
    stream?.resume();
    (stream as { unref?(): void } | null)?.unref?.();
  }
  child.unref();
}

async function within(ms: number, what: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const inTime = await Promise.race([what.then(() => true), late]);
  clearTimeout(timer);
  return inTime;
}
