/**
 * `lull doctor`: checks what the guest's machine, kernel, privileges and image allow.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { loadLibc } from "../linux/libc.ts";
import type { Runtime } from "../runtime/types.ts";
import { VERSION } from "../version.ts";
import { examine, type Finding } from "./check.ts";
import { guestAgentPortChecks } from "./guest_agent_port.ts";
import { imageChecks } from "./image.ts";
import { kernelChecks } from "./kernel.ts";
import { machineChecks } from "./machine.ts";
import { mailboxChecks } from "./mailbox.ts";
import { portChecks } from "./ports.ts";
import { vsockChecks } from "./vsock.ts";

const CHECKS = [
  ...machineChecks,
  ...kernelChecks,
  ...imageChecks,
  ...portChecks,
  ...vsockChecks,
  ...mailboxChecks,
  ...guestAgentPortChecks,
];

/** The parsed command line of `lull doctor`. */
export interface DoctorRequest {
  readonly config: Config;
  readonly json: boolean;
}

/** The JSON output of `lull doctor --json`. */
export interface Diagnosis {
  readonly version: string;
  /** Whether everything works that this configuration needs. */
  readonly ok: boolean;
  readonly checks: readonly Finding[];
}

/**
 * Runs all checks and prints their findings. Returns the exit code: 1 if a facility
 * is missing that this configuration needs, 0 otherwise.
 */
export async function runDoctor(
  runtime: Runtime,
  { config, json }: DoctorRequest,
): Promise<number> {
  const context = { config, libc: loadLibc(runtime) };
  const checks: Finding[] = [];
  for (const check of CHECKS) checks.push(await examine(check, context));
  const ok = checks.every(({ works, needed }) => works || !needed);
  const diagnosis: Diagnosis = { version: VERSION, ok, checks };
  console.log(json ? JSON.stringify(diagnosis, null, 2) : textOf(checks));
  return ok ? 0 : 1;
}

/** Formats each finding as one line; `!` marks what is missing and needed. */
export function textOf(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.map((finding) => {
    const { name, works, needed, found, skipped, remedy } = finding;
    const mark = !works && needed ? "!" : " ";
    const word = works ? "works  " : "missing";
    const details = works
      ? found
      : `${found}. Skipped: ${skipped}. Remedy: ${remedy}.`;
    return `${mark} ${word}  ${name.padEnd(width)}  ${details}`;
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
    return `Missing, but needed by this configuration: ${names}`;
  }
  return missing.length > 0
    ? "Everything that this configuration needs works."
    : "Everything works.";
}
