/**
 * Hooks of the guest, and a program that may register, as the model test has
 * them.
 */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { script, temporary } from "../support/hooks.ts";
import { Program } from "../support/moody_program.ts";
import { overUnix } from "../support/over_unix.ts";

/** Milliseconds that a hook script may take. */
export const HOOK_LIMIT_MS = 1500;
/** Milliseconds that the program asks for: it answers at once. */
const PROGRAM_LIMIT_MS = 10_000;

/** What hook scripts do at a freeze. */
const HOOKS = {
  holds: "true",
  fails: "exit 1",
  hangs: "exec sleep 60",
} as const;

/** Takes part in prepares and recoveries. */
export class Programs {
  readonly program: Program;
  readonly #sockets = temporary();
  readonly #hooks: string;
  readonly #hooksSocket: string;

  /** The directory of the hook scripts, and the socket for programs. */
  constructor(hooks: string, hooksSocket: string) {
    this.#hooks = hooks;
    this.#hooksSocket = hooksSocket;
    this.program = new Program(this.#sockets.path);
  }

  /** From now on there is such a hook script, or there is none. */
  setHook(name: "refuse" | "lenient", does: keyof typeof HOOKS | false): void {
    const path = join(this.#hooks, name);
    if (does === false) return rmSync(path, { force: true });
    script(path, `#!/bin/sh\n[ "$1" = freeze ] && ${HOOKS[does]}\ntrue\n`);
  }

  /** The program registers, in place of what it had registered before. */
  register(policy: "abort" | "continue"): Promise<void> {
    return this.program.register(this.#hooksSocket, {
      policy,
      limitMs: PROGRAM_LIMIT_MS,
    });
  }

  /** The program takes its registration back, and ends. */
  async leave(): Promise<void> {
    const path = `/hooks/${this.program.name}`;
    await overUnix(this.#hooksSocket, "DELETE", path);
    this.program.close();
    this.program.calls = [];
  }

  end(): void {
    this.program.close();
    this.#sockets.remove();
  }
}
