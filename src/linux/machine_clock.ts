/**
 * Clocks that go on while the machine stands still: the hardware clock, and
 * the host's clock where a PTP device gives it.
 * @module
 */
import { readFileSync } from "node:fs";
import { hasCode } from "../util/errors.ts";
import type { HostClockFinder } from "./clock.ts";

const SINCE_EPOCH = "/sys/class/rtc/rtc0/since_epoch";

/** A clock that a pause of the machine does not stop. */
export interface MachineClock {
  readonly name: "rtc" | "ptp";
  /** Less lateness than this, in milliseconds, may be its own coarseness. */
  readonly certainMs: number;
  /** Milliseconds since 1970; undefined where there is no such clock. */
  read(): number | undefined;
}

/**
 * The hardware clock as sysfs gives it (Documentation/ABI/testing/sysfs-class-rtc).
 * Each of two readings is whole seconds: their difference may be one second too
 * much.
 */
export function hardwareClock(path = SINCE_EPOCH): MachineClock {
  return {
    name: "rtc",
    certainMs: 1500,
    read() {
      try {
        return Number(readFileSync(path, "utf8")) * 1000;
      } catch (error) {
        if (hasCode(error, "ENOENT")) return undefined;
        throw error;
      }
    },
  };
}

/** The host's clock; what is left to doubt is how long two readings take. */
export function ptpClock(
  finder: Pick<HostClockFinder, "find">,
): MachineClock {
  return {
    name: "ptp",
    certainMs: 200,
    read: () => finder.find()?.read(),
  };
}
