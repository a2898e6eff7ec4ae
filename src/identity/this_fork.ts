/**
 * What tells this fork from others: what a program gets that waited for the recovery (`lull ready`).
 * @module
 */
import { readFileSync } from "node:fs";
import { hostname, networkInterfaces } from "node:os";
import type { Variables } from "./env_file.ts";

const MACHINE_ID = "/etc/machine-id";
const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** An address of this machine, with its prefix. */
interface OwnAddress {
  readonly interface: string;
  readonly address: string;
}

/** The identity of this fork. */
export type ForkIdentity<T> = T & {
  readonly hostname: string;
  /** Not given if the guest has none. */
  readonly machineId?: string;
  readonly bootId?: string;
  /** The addresses, except for those of the loopback interface. */
  readonly addresses: readonly OwnAddress[];
  /** The variables that the host gave this fork; not given if there are none. */
  readonly env?: Variables;
};

/** Reads the identity that this machine has now, and adds it to the facts of the recovery. */
export function identityOf<T extends object>(
  recovered: T,
  env: Variables = {},
): ForkIdentity<T> {
  const machineId = lineOf(MACHINE_ID);
  const bootId = lineOf(BOOT_ID);
  return {
    ...recovered,
    hostname: hostname(),
    ...machineId === undefined ? {} : { machineId },
    ...bootId === undefined ? {} : { bootId },
    addresses: addresses(),
    ...Object.keys(env).length === 0 ? {} : { env },
  };
}

function addresses(): OwnAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, own = []]) =>
    own.flatMap(({ internal, cidr, address }) =>
      internal ? [] : [{ interface: name, address: cidr ?? address }]
    )
  );
}

/** The only line of a file; undefined if there is none. */
function lineOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    return undefined; // the image has no such file
  }
}
