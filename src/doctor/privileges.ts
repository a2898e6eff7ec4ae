/**
 * What this process may do: capabilities(7), access(2).
 * @module
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readFileSync,
  realpathSync,
} from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { errorText } from "../util/errors.ts";
import { mountOf, readMounts } from "../linux/mountinfo.ts";

/** Numbers of capabilities, linux/capability.h */
const CAPABILITIES = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_ADMIN: 21n,
  CAP_SYS_TIME: 25n,
} as const;

/** All ids, as in the first user namespace (user_namespaces(7)). */
const ALL_IDS = /^\s*0\s+0\s+4294967295\s*$/;

/** Throws where this process does not have it, or over its own namespace only. */
export function requireCapability(
  name: keyof typeof CAPABILITIES,
  status = readFileSync("/proc/self/status", "utf8"),
  uidMap = readFileSync("/proc/self/uid_map", "utf8"),
): void {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  if (!(BigInt(`0x${mask}`) >> CAPABILITIES[name] & 1n)) {
    throw new Error(`this process does not have ${name}`);
  }
  // A network namespace has an owner, the clock and the pool have none.
  if (name === "CAP_NET_ADMIN" || ALL_IDS.test(uidMap)) return;
  throw new Error(`this process has ${name} in its user namespace only`);
}

/** Throws where it cannot write the file; opens it for that, and writes nothing. */
export function requireWritable(path: string): void {
  try {
    // access(2) would not do: Deno's looks at the mode alone.
    closeSync(openSync(path, constants.O_WRONLY));
  } catch (error) {
    throw new Error(`${path} cannot be written: ${errorText(error)}`);
  }
}

/** Throws where entries cannot be made in the directory, or it cannot be made. */
export function requireDirectory(path: string): void {
  const there = nearest(path);
  const { mountPoint, writable } = mountOf(there, readMounts());
  if (!writable) {
    throw new Error(`${path} cannot be written: ${mountPoint} is read-only`);
  }
  if (process.getuid?.() === 0) return; // whatever the mode
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`${there} cannot be written: ${errorText(error)}`);
  }
}

/** The directory itself or, where it is not there yet, the one to make it in. */
export function nearest(path: string): string {
  let there = path;
  while (!existsSync(there)) there = dirname(there);
  return realpathSync(there);
}
