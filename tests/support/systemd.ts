/**
 * What systemd says about a unit.
 */
import { spawnSync } from "node:child_process";

const found = spawnSync("systemd-analyze", ["--version"], { encoding: "utf8" });

/** Why units cannot be checked here; false if they can. */
export const withoutSystemd = found.status === 0
  ? false
  : "systemd-analyze is not installed";

/** Keys that a systemd before 254 does not know, and therefore ignores. */
const NEW = /'(RestartSteps|RestartMaxDelaySec|ImportCredential)'/;

/** The lines that systemd-analyze prints about a unit of Lull. */
export function unitProblems(path: string): string[] {
  const { stderr } = spawnSync(
    "systemd-analyze",
    ["verify", "--man=no", path],
    { encoding: "utf8" },
  );
  const [, version] = /^systemd (\d+)/.exec(found.stdout)!;
  return stderr.split("\n").filter((line) =>
    line.includes("lull.service") && !line.includes("is not executable") &&
    !(Number(version) < 254 && NEW.test(line))
  );
}
