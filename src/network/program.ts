/**
 * Runs programs of the guest that manage its network, each within a limit.
 * @module
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { nodeChildProcess } from "../util/lazy_builtins.ts";

/** Where distributions have such programs. An agent that an init has started may have no PATH. */
const DIRECTORIES = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/** The most bytes of output that are read. */
const OUTPUT_BYTES = 65_536;

/** The time that all programs together may take. */
export class Budget {
  readonly #end: number;

  constructor(ms: number) {
    this.#end = performance.now() + ms;
  }

  /** The milliseconds that are left, `most` at most. */
  left(most: number): number {
    return Math.max(
      0,
      Math.min(most, Math.round(this.#end - performance.now())),
    );
  }
}

/** The path of the program; undefined if the guest does not have it. */
export function findProgram(name: string): string | undefined {
  return DIRECTORIES.map((directory) => join(directory, name))
    .find((path) => existsSync(path));
}

/**
 * Runs the program and returns its output. Rejects if the guest does not have the program, if it
 * fails, or if it does not end within the limit; then it is killed. The message has no more of its
 * output than the first line of its error.
 */
export function runProgram(
  [name, ...args]: readonly string[],
  limitMs: number,
): Promise<string> {
  const what = [name, ...args.slice(0, 2)].join(" ");
  const path = findProgram(name);
  if (path === undefined) {
    return Promise.reject(
      new Error(`Cannot run ${what}: this machine has no ${name}`),
    );
  }
  if (limitMs <= 0) {
    return Promise.reject(new Error(`Cannot run ${what}: no time is left`));
  }
  return new Promise((resolve, reject) => {
    nodeChildProcess().execFile(path, args, {
      ...{ cwd: "/", timeout: limitMs, killSignal: "SIGKILL" },
      ...{ maxBuffer: OUTPUT_BYTES, encoding: "utf8" },
      // The texts of errors are in English.
      env: { PATH: DIRECTORIES.join(":"), LC_ALL: "C" },
    }, (error, output, errors) => {
      if (error === null) return resolve(output);
      const { killed, code } = error;
      const [line] = errors.trim().split("\n");
      const why = killed
        ? `it did not end within ${limitMs} ms`
        : line || `exit code ${code}`;
      reject(new Error(`Cannot run ${what}: ${why}`));
    });
  });
}
