/**
 * Checks the privileges of this process: capabilities(7), access(2).
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

/** What the user can do if the agent lacks a privilege, in most remedies. */
export const AS_ROOT = "run the agent as root";

/** Bit numbers of capabilities, linux/capability.h */
const CAPABILITIES = {
  CAP_NET_ADMIN: 12n,
  CAP_SYS_ADMIN: 21n,
  CAP_SYS_TIME: 25n,
} as const;

/** The uid_map of the initial user namespace, which maps all ids (user_namespaces(7)). */
const ALL_IDS = /^\s*0\s+0\s+4294967295\s*$/;

/**
 * Throws if this process does not have the capability, or has it only in its own
 * user namespace.
 */
export function requireCapability(
  name: keyof typeof CAPABILITIES,
  status = readFileSync("/proc/self/status", "utf8"),
  uidMap = readFileSync("/proc/self/uid_map", "utf8"),
): void {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  if (!(BigInt(`0x${mask}`) >> CAPABILITIES[name] & 1n)) {
    throw new Error(`this process does not have ${name}`);
  }
  // A network namespace belongs to a user namespace. The wall clock and the random
  // pool belong to the initial one.
  if (name === "CAP_NET_ADMIN" || ALL_IDS.test(uidMap)) return;
  throw new Error(`this process has ${name} in its user namespace only`);
}

/** Throws if this process cannot open the file for writing. Writes nothing. */
export function requireWritable(path: string): void {
  try {
    // accessSync does not suffice: Deno's checks only the mode of the file.
    closeSync(openSync(path, constants.O_WRONLY));
  } catch (error) {
    throw new Error(`Cannot write ${path}: ${errorText(error)}`);
  }
}

/**
 * Throws if this process cannot create files in the directory, or cannot create the
 * directory if it does not exist.
 */
export function requireDirectory(path: string): void {
  const there = nearest(path);
  const { mountPoint, writable } = mountOf(there, readMounts());
  if (!writable) {
    throw new Error(`Cannot write ${path}: ${mountPoint} is read-only`);
  }
  if (process.getuid?.() === 0) return; // root may write regardless of the mode
  try {
    accessSync(there, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new Error(`Cannot write ${there}: ${errorText(error)}`);
  }
}

/** Returns the directory or, if it does not exist, its nearest ancestor that exists. */
export function nearest(path: string): string {
  let there = path;
  while (!existsSync(there)) there = dirname(there);
  return realpathSync(there);
}
