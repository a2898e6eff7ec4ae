/**
 * The time of the guest, in nanoseconds since 1970.
 * @module
 */
import { setWallClock, wallClock } from "../../linux/clock.ts";
import type { Libc } from "../../linux/libc.ts";
import { hardwareClock, setHardwareClock } from "../../linux/machine_clock.ts";
import { hasCode } from "../../util/errors.ts";
import { ProtocolError } from "./errors.ts";

/** The wall clock. It is exact to a microsecond. */
export function timeNow(libc: Libc): bigint {
  return BigInt(Math.floor(wallClock(libc) * 1000)) * 1000n;
}

/**
 * Sets the wall clock, and the hardware clock by it. Without a time, sets the wall clock by the
 * hardware clock.
 */
export function setTime(libc: Libc, time?: number | bigint): void {
  if (time === undefined) {
    const ms = hardwareClock().read();
    if (ms === undefined) {
      throw new ProtocolError(
        "Cannot set the time: this machine has no hardware clock",
      );
    }
    setWallClock(libc, ms);
    return;
  }
  if (time < 0) {
    throw new ProtocolError("Failed to set time to guest: Invalid argument");
  }
  const ms = Number(time) / 1e6;
  setWallClock(libc, ms);
  try {
    setHardwareClock(libc, ms);
  } catch (error) {
    // A machine without a hardware clock has nothing else to set.
    if (!hasCode(error, "ENOENT")) throw error;
  }
}
