/**
 * `lull doctor`: what this guest's kernel, privileges and image allow.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { loadLibc } from "../linux/libc.ts";
import type { Runtime } from "../runtime/types.ts";
import { VERSION } from "../version.ts";
import { examine, type Finding } from "./check.ts";
import { imageChecks } from "./image.ts";
import { kernelChecks } from "./kernel.ts";
import { machineChecks } from "./machine.ts";

const CHECKS = [...machineChecks, ...kernelChecks, ...imageChecks];

/** What the command line says. */
export interface DoctorRequest {
  readonly config: Config;
  readonly json: boolean;
}

/** What the doctor says to programs. */
export interface Diagnosis {
  readonly version: string;
  /** Nothing is missing that this configuration needs. */
  readonly ok: boolean;
  readonly checks: readonly Finding[];
}

/**
 * Looks at everything and prints it. Gives back the exit code: 0, or 1 where
 * something is missing that a feature needs which is on in this configuration.
 */
export async function runDoctor(
  runtime: Runtime,
  { config, json }: DoctorRequest,
): Promise<number> {
  const patient = { config, libc: loadLibc(runtime) };
  const checks: Finding[] = [];
  for (const check of CHECKS) checks.push(await examine(check, patient));
  const ok = checks.every(({ works, needed }) => works || !needed);
  const diagnosis: Diagnosis = { version: VERSION, ok, checks };
  console.log(json ? JSON.stringify(diagnosis, null, 2) : textOf(checks));
  return ok ? 0 : 1;
}

/** One line each; `!` before what is missing and needed. */
export function textOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.map((finding) => {
    const { name, works, needed, found, skipped, remedy } = finding;
    const mark = !works && needed ? "!" : " ";
    const word = works ? "works  " : "missing";
    const rest = works
      ? found
      : `${found}. Skipped: ${skipped}. To get it: ${remedy}.`;
    return `${mark} ${word}  ${name.padEnd(width)}  ${rest}`;
  });
  const missing = findings.filter(({ works }) => !works);
  const needed = missing.filter(({ needed }) => needed);
  return [...lines, "", summaryOf(missing, needed)].join("\n");
}

function summaryOf(
  missing: readonly Finding[],
  needed: readonly Finding[],
): string {
  if (needed.length > 0) {
    const names = needed.map(({ name }) => name).join(", ");
    return `Missing, and needed by what is on in this configuration: ${names}`;
  }
  return missing.length > 0
    ? "All works that this configuration needs."
    : "All works.";
}
