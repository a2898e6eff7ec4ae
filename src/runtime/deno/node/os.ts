/**
 * node:os in the bundle for Deno: what Lull uses.
 * @module
 */
import type * as Os from "node:os";
import { errnoOf } from "../../../util/errno.ts";
import { nodeOs } from "./builtin.ts";

/** The numbers of errors that the log asks for. */
export const constants = {
  errno: {
    EPIPE: errnoOf("EPIPE"),
    ECONNRESET: errnoOf("ECONNRESET"),
    ENOTCONN: errnoOf("ENOTCONN"),
  },
};

/** The name of this machine. */
export const hostname = (): string => Deno.hostname();

/** The addresses of this machine by their interfaces. */
export const networkInterfaces: typeof Os.networkInterfaces = () => {
  const all: ReturnType<typeof Os.networkInterfaces> = {};
  for (const one of Deno.networkInterfaces()) {
    const { name, address, netmask, mac, cidr, scopeid } = one;
    const internal = /^127\.|^::1$|^fe80::1$/.test(address);
    const common = { address, netmask, mac, internal, cidr };
    (all[name] ??= []).push(
      one.family === "IPv4"
        ? { ...common, family: "IPv4" }
        : { ...common, family: "IPv6", scopeid: scopeid ?? 0 },
    );
  }
  return all;
};

// What only the dialects use.
export const cpus: typeof Os.cpus = () => nodeOs().cpus();
export const machine: typeof Os.machine = () => nodeOs().machine();
export const release: typeof Os.release = () => nodeOs().release();
export const version: typeof Os.version = () => nodeOs().version();
