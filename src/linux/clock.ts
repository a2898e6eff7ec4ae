/**
 * The kernel's clocks and the host's clock, in milliseconds. The hardware clock is in
 * machine_clock.ts.
 * @module
 */
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { resultUnless } from "../util/errors.ts";
import { checked, type Libc, requireSymbol } from "./libc.ts";

/** Clock ids, time.h, clock_gettime(2). */
const CLOCK_REALTIME = 0;
const CLOCK_BOOTTIME = 7;

const CLOCK_CLASS = "/sys/class/ptp";

/**
 * The names of PTP clocks that give the host's wall clock in UTC (`clock_name` of ptp_kvm and
 * hv_utils). The clock of a network card may be in TAI or run free; the clock of vmclock is in TAI.
 */
const TRUSTED = new Set(["KVM virtual PTP", "hyperv"]);

/** The clock of the host. It continues while the machine is paused or saved. */
export interface HostClock {
  /** The name in reports. */
  readonly name: string;
  /** Reads the host's wall clock in milliseconds since 1970. */
  read(): number;
}

/** Reads the wall clock in milliseconds since 1970. */
export function wallClock(libc: Libc): number {
  return readClock(libc, CLOCK_REALTIME, "the wall clock");
}

/** Returns the milliseconds since the machine booted, including suspensions. */
export function uptime(libc: Libc): number {
  return readClock(libc, CLOCK_BOOTTIME, "the uptime");
}

/** Steps the wall clock. Throws a SystemCallError if the kernel refuses (needs CAP_SYS_TIME). */
export function setWallClock(libc: Libc, ms: number): void {
  const seconds = Math.floor(ms / 1000);
  // struct timespec of the 64-bit machines that Lull runs on
  const time = new BigInt64Array([
    BigInt(seconds),
    BigInt(Math.floor((ms - seconds * 1000) * 1e6)),
  ]);
  const bytes = new Uint8Array(time.buffer);
  const result = requireSymbol(libc, "clock_settime")(CLOCK_REALTIME, bytes);
  checked(libc, result, "set", "the wall clock");
}

/** Returns the first PTP clock that gives the host's time; undefined if there is none. */
export function hostClock(
  libc: Libc,
  clocks = CLOCK_CLASS,
): HostClock | undefined {
  if (libc.clock_gettime === undefined) return undefined;
  const names = resultUnless(["ENOENT"], () => readdirSync(clocks)) ?? [];
  const name = names.sort().find((name) =>
    TRUSTED.has(readFileSync(join(clocks, name, "clock_name"), "utf8").trim())
  );
  if (name === undefined) return undefined;
  return { name: `/dev/${name}`, read: () => readDevice(libc, `/dev/${name}`) };
}

/** Looks for the host's clock and remembers the result of the last look. */
export class HostClockFinder {
  readonly #look: () => HostClock | undefined;
  #looked = false;
  #found: HostClock | undefined;

  constructor(libc: Libc, look = () => hostClock(libc)) {
    this.#look = look;
  }

  /** Looks for the clock now. */
  find(): HostClock | undefined {
    this.#found = this.#look();
    this.#looked = true;
    return this.#found;
  }

  /** The result of the last look. It stays valid: a restore gives a machine no other clock. */
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
  const result = requireSymbol(libc, "clock_gettime")(clock, bytes);
  checked(libc, result, "read", name);
  return Number(time[0]) * 1000 + Number(time[1]) / 1e6;
}
