/**
 * The parsers of others with which the metrics and the rules are checked: the Prometheus client of
 * Python, and promtool. What is missing comes into .tools, and installs nothing on this machine.
 * @module
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from "node:fs";
import { join } from "node:path";
import { failure, installVenv } from "../../support/venv.ts";
import { which } from "../../vm/support/run.ts";

const TOOLS = join(import.meta.dirname!, "..", "..", "..", ".tools");
const VENV = join(TOOLS, "observability");
const REQUIREMENTS = join(import.meta.dirname!, "requirements.txt");
const PROMTOOL = join(TOOLS, "bin", "promtool");

/** A command, or why there is none. */
export type Tool = { readonly command: string } | { readonly missing: string };

/** A Python that has the Prometheus client. */
export function python(): Tool {
  const command = join(VENV, "bin", "python");
  const why = installVenv(VENV, REQUIREMENTS);
  return why === undefined
    ? { command }
    : { missing: `the Prometheus client of Python is missing: ${why}` };
}

/** promtool of this machine, or of Debian's package, which is unpacked and not installed. */
export function promtool(): Tool {
  const command = which("promtool") ??
    (existsSync(PROMTOOL) ? PROMTOOL : undefined);
  if (command !== undefined) return { command };
  mkdirSync(join(TOOLS, "bin"), { recursive: true });
  const work = mkdtempSync(join(TOOLS, "promtool-"));
  try {
    const missing = failure("apt-get", ["download", "prometheus"], work) ??
      failure("dpkg-deb", [
        ...["--extract", readdirSync(work)[0] ?? "", "tree"],
      ], work);
    if (missing !== undefined) {
      return { missing: `promtool is missing: ${missing}` };
    }
    copyFileSync(join(work, "tree/usr/bin/promtool"), PROMTOOL);
    return { command: PROMTOOL };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
