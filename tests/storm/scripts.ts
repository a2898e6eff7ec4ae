/**
 * Hook scripts of the guest, whose moods change while they are called.
 * @module
 */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { script } from "../support/hooks.ts";
import type { Call, Mood, Participant, Phase } from "../support/hook_log.ts";

/** What a hook that fails prints: no document may show it. */
export const SECRET = "swordfish";

/** Seconds that a slow call takes, and one that hangs: longer than its limit. */
const SLOW = 0.15;
const HANG = 6;

/** A script; it notes its call before it does anything else. */
export class HookScript implements Participant {
  readonly required: boolean;
  readonly #log: string;
  readonly #moods: string;

  /** Writes it into `hooks`; what it reads and writes lies in `directory`. */
  constructor(
    readonly name: string,
    { hooks, directory, required }: {
      readonly hooks: string;
      readonly directory: string;
      readonly required: boolean;
    },
  ) {
    this.required = required;
    this.#log = join(directory, `${name}.log`);
    this.#moods = join(directory, `${name}.mood`);
    // Processes of hooks are found by this path, which is their first argument.
    const sleep = join(directory, "sleep");
    script(
      join(hooks, name),
      `#!/bin/sh
read up rest < /proc/uptime
echo "$1 $LULL_OPERATION $LULL_GENERATION $up $$" >> ${this.#log}
mood=
[ -e ${this.#moods}-$1 ] && read mood < ${this.#moods}-$1
case "$mood" in
  slow) exec ${sleep} ${SLOW} ;;
  hang) exec ${sleep} ${HANG} ;;
  fail) echo "the password is ${SECRET}"; exit 3 ;;
esac
`,
    );
  }

  /** From now on its calls of this phase end so. */
  set(phase: Phase, mood: Mood): void {
    const path = `${this.#moods}-${phase}`;
    writeFileSync(`${path}.new`, `${mood}\n`);
    renameSync(`${path}.new`, path);
  }

  get calls(): Call[] {
    if (!existsSync(this.#log)) return [];
    return readFileSync(this.#log, "utf8").trim().split("\n").map((line) => {
      const [phase, operation, generation, ...more] = line.split(" ");
      return {
        phase: phase as Phase,
        operation,
        generation: Number(generation),
        more: more.join(" "),
      };
    });
  }
}
