/**
 * Restarts services of systemd that have read a part of the identity.
 * @module
 */
import type { Guest } from "./guest.ts";

/**
 * Restarts the services that run, without waiting for the end of their restart. Returns the names;
 * none if systemd is not the init of the guest (sd_booted(3)).
 */
export async function restartServices(
  guest: Guest,
  names: readonly string[],
): Promise<readonly string[]> {
  if (await guest.target("/run/systemd/system") === undefined) return [];
  const units = names.map((name) => `${name}.service`);
  await guest.run("systemctl", ["--no-block", "try-restart", ...units]);
  return names;
}
