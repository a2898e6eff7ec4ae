/**
 * The clocks of the kernel, in milliseconds since their beginning. The hardware
 * clock of the machine is read elsewhere and never set.
 * @module
 */
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../util/errors.ts";
import { lastError, type Libc, requireSymbol } from "./libc.ts";

/** Numbers of clocks, time.h, clock_gettime(2) */
const CLOCK_REALTIME = 0;
const CLOCK_BOOTTIME = 7;

const CLOCK_CLASS = "/sys/class/ptp";

/**
 * PTP clocks that are known to give the host's wall clock in UTC (`clock_name`
 * of ptp_kvm and hv_utils). That of a network card may be in TAI or run free,
 * and vmclock's is in TAI.
 */
const TRUSTED = new Set(["KVM virtual PTP", "hyperv"]);

/** A clock that goes on while the machine is in a file. */
export interface HostClock {
  /** How reports name it. */
  readonly name: string;
  /** The host's wall clock, milliseconds since 1970. */
  read(): number;
}

/** The wall clock, milliseconds since 1970. */
export function wallClock(libc: Libc): number {
  return readClock(libc, CLOCK_REALTIME, "the wall clock");
}

/** Milliseconds since the machine booted, suspensions included. */
export function uptime(libc: Libc): number {
  return readClock(libc, CLOCK_BOOTTIME, "the uptime");
}

/** Steps the wall clock; throws a SystemCallError (needs CAP_SYS_TIME). */
export function setWallClock(libc: Libc, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  // struct timespec of the 64-bit machines that Lull runs on
  const time = new BigInt64Array([
    BigInt(seconds),
    BigInt(Math.floor((ms - seconds * 1000) * 1e6)),
  ]);
  const bytes = new Uint8Array(time.buffer);
  if (
    requireSymbol(libc.clock_settime, "clock_settime")(CLOCK_REALTIME, bytes) <
      0
  ) {
    throw lastError(libc, "set", "the wall clock");
  }
}

/** The first PTP clock that gives the host's time; undefined if none does. */
export function hostClock(
  libc: Libc,
  clocks = CLOCK_CLASS,
): HostClock | undefined {
  if (libc.clock_gettime === undefined) return undefined;
  const name = entriesOf(clocks).find((name) =>
    TRUSTED.has(readFileSync(join(clocks, name, "clock_name"), "utf8").trim())
  );
  if (name === undefined) return undefined;
  return { name: `/dev/${name}`, read: () => readDevice(libc, `/dev/${name}`) };
}

/** Looks for the host's clock, and knows what the last look found. */
export class HostClockFinder {
  readonly #look: () => HostClock | undefined;
  #looked = false;
  #found: HostClock | undefined;

  constructor(libc: Libc, look = () => hostClock(libc)) {
    this.#look = look;
  }

  /** Looks now. */
  find(): HostClock | undefined {
    this.#found = this.#look();
    this.#looked = true;
    return this.#found;
  }

  /** What the last look found: a machine gets no other clock by a restore. */
  get last(): HostClock | undefined {
    return this.#looked ? this.#found : this.find();
  }
}

function readDevice(libc: Libc, path: string): number {
  const device = openSync(path, "r");
  try {
    // FD_TO_CLOCKID, clock_getres(2)
    return readClock(libc, (~device << 3) | 3, path);
  } finally {
    closeSync(device);
  }
}

function readClock(libc: Libc, clock: number, name: string): number {
  const time = new BigInt64Array(2);
  const bytes = new Uint8Array(time.buffer);
  if (requireSymbol(libc.clock_gettime, "clock_gettime")(clock, bytes) < 0) {
    throw lastError(libc, "read", name);
  }
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
