/**
 * Clocks that continue while the machine is paused: the hardware clock, and the host's clock if a
 * PTP device gives it.
 * @module
 */
import { closeSync, openSync, readFileSync } from "node:fs";
import { resultUnless } from "../util/errors.ts";
import type { HostClockFinder } from "./clock.ts";
import { checked, type Libc, requireSymbol } from "./libc.ts";

const SINCE_EPOCH = "/sys/class/rtc/rtc0/since_epoch";

/** _IOW('p', 0x0a, struct rtc_time) of linux/rtc.h, rtc(4). */
const RTC_SET_TIME = 0x4024700An;

/** A clock that continues while the machine is paused. */
export interface MachineClock {
  readonly name: "rtc" | "ptp";
  /** The largest difference between two readings that proves no pause, in milliseconds. */
  readonly certainMs: number;
  /** Reads the clock in milliseconds since 1970; undefined if there is no such clock. */
  read(): number | undefined;
}

/**
 * Returns the hardware clock, which sysfs gives in whole seconds
 * (Documentation/ABI/testing/sysfs-class-rtc). The difference of two readings may be one second too
 * long.
 */
export function hardwareClock(path = SINCE_EPOCH): MachineClock {
  return {
    name: "rtc",
    certainMs: 1500,
    read() {
      const text = resultUnless(["ENOENT"], () => readFileSync(path, "utf8"));
      return text === undefined ? undefined : Number(text) * 1000;
    },
  };
}

/** Returns the host's clock. Its uncertainty is the time that two readings take. */
export function ptpClock(
  finder: Pick<HostClockFinder, "find">,
): MachineClock {
  return {
    name: "ptp",
    certainMs: 200,
    read: () => finder.find()?.read(),
  };
}

/**
 * Sets the hardware clock, in milliseconds since 1970. It has whole seconds in UTC. Throws ENOENT if
 * there is none.
 */
export function setHardwareClock(
  libc: Libc,
  ms: number,
  path = "/dev/rtc0",
): void {
  const at = new Date(ms);
  // struct rtc_time: the weekday, the day of the year and summer time are ignored
  const time = new Int32Array([
    ...[at.getUTCSeconds(), at.getUTCMinutes(), at.getUTCHours()],
    ...[at.getUTCDate(), at.getUTCMonth(), at.getUTCFullYear() - 1900],
    ...[0, 0, 0],
  ]);
  const device = openSync(path, "r");
  try {
    const bytes = new Uint8Array(time.buffer);
    const result = requireSymbol(libc, "ioctl")(device, RTC_SET_TIME, bytes);
    checked(libc, result, "set", path);
  } finally {
    closeSync(device);
  }
}
