/**
 * systemd-resolved: if it makes /etc/resolv.conf, it is told the name servers, and the file is left
 * alone. It keeps what it is told in /run, also across its restart.
 * @module
 */
import { realpathSync } from "node:fs";
import { resultUnless } from "../util/errors.ts";
import type { NetworkIdentity } from "../lifecycle/request.ts";
import { type Budget, runProgram } from "./program.ts";
import type { Process } from "./processes.ts";

const CALL_MS = 5000;

/** Whether systemd-resolved runs. */
export function runsResolved(processes: readonly Process[]): boolean {
  return processes.some(({ name }) => name === "systemd-resolve");
}

/** Whether systemd-resolved runs and makes the file. */
export function resolvedMakes(
  path: string,
  processes: readonly Process[],
): boolean {
  if (!runsResolved(processes)) return false;
  const real = resultUnless(["ENOENT"], () => realpathSync(path));
  return real?.startsWith("/run/systemd/resolve/") ?? false;
}

/** Tells resolved the servers and domains of the interface; returns what it was told. */
export async function tellResolved(
  link: string,
  { dns, search }: NetworkIdentity,
  budget: Budget,
): Promise<string[]> {
  const told: string[] = [];
  const tell = async (what: string, values: readonly string[]) => {
    await runProgram(
      ["resolvectl", what, link, ...values],
      budget.left(CALL_MS),
    );
    told.push(`resolvectl ${what}`);
  };
  if (dns !== undefined) await tell("dns", dns);
  if (search !== undefined) await tell("domain", search);
  return told;
}
