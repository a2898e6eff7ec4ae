/**
 * Runs the doctor, and finds what it says of something.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Finding } from "../../src/doctor/check.ts";
import type { Diagnosis } from "../../src/doctor/main.ts";
import { runLull } from "../support/cli.ts";

/** A doctor at home in that directory, and options that keep it in there. */
export function doctorIn(base: string) {
  /** What it says; the words of the exit code and of `ok` are compared here. */
  function diagnose(
    args: readonly string[],
    before?: readonly string[],
  ): Diagnosis {
    const { code, stdout, stderr } = runLull(["doctor", "--json", ...args], {
      before,
      env: { DENO_DIR: join(base, "deno"), HOME: base },
    });
    assert.equal(stderr, "");
    const diagnosis: Diagnosis = JSON.parse(stdout);
    assert.equal(code, diagnosis.ok ? 0 : 1);
    const lacks = diagnosis.checks.some(({ works, needed }) =>
      needed && !works
    );
    assert.equal(diagnosis.ok, !lacks);
    return diagnosis;
  }

  const quiet = [`--runtime-directory=${base}/run`, "--hooks-socket="];
  return { diagnose, quiet };
}

/** What it found of one thing. */
export function finding({ checks }: Diagnosis, name: string): Finding {
  return checks.find((check) => check.name === name)!;
}

/** The names of what works. */
export function working({ checks }: Diagnosis): string[] {
  return checks.filter(({ works }) => works).map(({ name }) => name);
}
