/**
 * The host name in the kernel. /etc/hostname does not change.
 * @module
 */
import { readFileSync } from "node:fs";
import { lastError, type Libc, requireSymbol } from "./libc.ts";

/** Reads the host name from the kernel, because a runtime may have cached it. */
export function readHostname(): string {
  return readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
}

/** Sets the host name. Throws a SystemCallError if the kernel refuses (needs CAP_SYS_ADMIN). */
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
