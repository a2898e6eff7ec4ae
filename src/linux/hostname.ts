/**
 * The name of this machine in the kernel; /etc/hostname is left alone.
 * @module
 */
import { readFileSync } from "node:fs";
import { lastError, type Libc, requireSymbol } from "./libc.ts";

/** The name now: gethostname(2), which the runtimes may have remembered. */
export function readHostname(): string {
  return readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
}

/** sethostname(2); throws a SystemCallError (needs CAP_SYS_ADMIN). */
export function setHostname(libc: Libc, name: string): void {
  const bytes = new TextEncoder().encode(name);
  if (
    requireSymbol(libc.sethostname, "sethostname")(
      bytes,
      BigInt(bytes.length),
    ) < 0
  ) {
    throw lastError(libc, "set", "the host name");
  }
}
