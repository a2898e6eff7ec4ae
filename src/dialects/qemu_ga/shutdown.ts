/**
 * Ends the guest, as its own tools do.
 * @module
 */
import { existsSync } from "node:fs";
import { ProtocolError } from "./errors.ts";

/** The arguments of shutdown(8), and the program of a guest that has no shutdown (busybox). */
const MODES = {
  halt: ["-H", "/sbin/halt"],
  powerdown: ["-P", "/sbin/poweroff"],
  reboot: ["-r", "/sbin/reboot"],
} as const;

const SHUTDOWN = "/sbin/shutdown";

/** Begins the end of the guest. The command has no reply then. */
export async function shutDown(
  execute: (path: string, args: readonly string[]) => Promise<void>,
  mode: string,
  exists: (path: string) => boolean = existsSync,
): Promise<void> {
  if (!Object.hasOwn(MODES, mode)) {
    throw new ProtocolError(
      "mode is invalid (valid values are: halt|powerdown|reboot)",
    );
  }
  const [flag, program] = MODES[mode as keyof typeof MODES];
  const why = "hypervisor initiated shutdown";
  if (exists(SHUTDOWN)) return await execute(SHUTDOWN, [flag, "+0", why]);
  if (exists(program)) return await execute(program, []);
  throw new ProtocolError(
    `Cannot end the guest: there is neither ${SHUTDOWN} nor ${program}`,
  );
}
