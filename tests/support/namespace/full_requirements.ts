/**
 * Requirements of a host while the runtime directory is full. Runs in a mount namespace of its own:
 * see mount_namespace.ts.
 */
import { execFileSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { RequirementFile } from "../../../src/agent/requirements.ts";

const directory = "/mnt";
execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", directory]);
try {
  for (;;) appendFileSync(`${directory}/fill`, "x".repeat(4096));
} catch {
  // It is full.
}
let errors = 0;
const file = new RequirementFile(directory, () => void errors++);
file.keep({ entropy: true, identity: false });
const read = new RequirementFile(directory, () => {}).read();
file.keep({ entropy: false, identity: false });
const met = new RequirementFile(directory, () => {}).read();
console.log(JSON.stringify({ errors, read, met }));
