/**
 * The host name in the kernel. /etc/hostname does not change.
 * @module
 */
import { readFileSync } from "node:fs";
import { checked, type Libc, requireSymbol } from "./libc.ts";

/** Reads the host name from the kernel, because a runtime may have cached it. */
export function readHostname(): string {
  return readFileSync("/proc/sys/kernel/hostname", "utf8").trim();
}

/** Sets the host name. Throws a SystemCallError if the kernel refuses (needs CAP_SYS_ADMIN). */
export function setHostname(libc: Libc, name: string): void {
  const bytes = new TextEncoder().encode(name);
  const sethostname = requireSymbol(libc, "sethostname");
  const result = sethostname(bytes, BigInt(bytes.length));
  checked(libc, result, "set", "the host name");
}
