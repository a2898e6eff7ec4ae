/**
 * Repair: sets the wall clock to the host's time.
 * @module
 */
import { messageOf } from "../util/errors.ts";
import {
  type RecoverRequest,
  type Repair,
  SKIPPED_IN_DRY_RUN,
  WITHOUT_LIBC,
} from "../lifecycle/step.ts";
import {
  type HostClock,
  setWallClock,
  uptime,
  wallClock,
} from "../linux/clock.ts";
import type { Libc } from "../linux/libc.ts";

interface ClockOptions {
  readonly libc: Libc;
  /** A skew up to this many milliseconds is not corrected: NTP does that. */
  readonly toleranceMs: number;
  /** The clock to read if the caller gave no time. */
  readonly hostClock: () => HostClock | undefined;
}

/** A clock to set the wall clock by, and its name. */
interface Reference {
  readonly source: string;
  now(): number;
}

/**
 * Effect: `source` ("request", or the device), `skewBeforeMs` and
 * `skewAfterMs` (the guest's clock minus the host's: negative if the guest is late),
 * `stepped`. The repair also accepts a host time that is before the guest's boot by the guest's own
 * clock: a template is snapshotted soon after its boot, and its clock may have been wrong. The
 * effect then has `beforeBoot`. Other clocks do not change: CLOCK_MONOTONIC and CLOCK_BOOTTIME
 * continue. The kernel refuses a time that is less than its CLOCK_MONOTONIC after 1970
 * (clock_settime(2), EINVAL).
 */
export function clockRepair(options: ClockOptions): Repair {
  const { libc, toleranceMs, hostClock } = options;
  return {
    repair({ request, dryRun }) {
      if (libc.clock_settime === undefined) return WITHOUT_LIBC;
      const reference = fromRequest(request) ?? fromDevice(hostClock());
      if (dryRun) return SKIPPED_IN_DRY_RUN;
      if (reference === undefined) {
        return {
          skipped: "no host time was given and there is no PTP clock of " +
            "the host: the wall clock may be late",
        };
      }
      return setBy(libc, reference, toleranceMs);
    },
  };
}

function setBy(libc: Libc, reference: Reference, toleranceMs: number) {
  const skew = () => rounded(wallClock(libc) - reference.now());
  const skewBeforeMs = skew();
  const { source } = reference;
  if (Math.abs(skewBeforeMs) <= toleranceMs) {
    return { source, skewBeforeMs, skewAfterMs: skewBeforeMs, stepped: false };
  }
  const booted = wallClock(libc) - uptime(libc);
  const beforeBoot = reference.now() < booted;
  try {
    setWallClock(libc, reference.now());
  } catch (error) {
    const place = skewBeforeMs < 0 ? "behind" : "ahead of";
    throw new Error(
      `${messageOf(error)}; it is ${Math.abs(skewBeforeMs)} ms ` +
        `${place} ${source}`,
      { cause: error },
    );
  }
  return {
    source,
    skewBeforeMs,
    skewAfterMs: skew(),
    stepped: true,
    ...(beforeBoot ? { beforeBoot } : {}),
  };
}

function fromRequest(
  request: RecoverRequest,
): Reference | undefined {
  const { hostTime, receivedAt = performance.now(), roundTripMs = 0 } = request;
  if (hostTime === undefined) return undefined;
  const base = hostTime + roundTripMs / 2 - receivedAt;
  return { source: "request", now: () => base + performance.now() };
}

function fromDevice(clock: HostClock | undefined): Reference | undefined {
  return clock && { source: clock.name, now: () => clock.read() };
}

/** Rounds milliseconds to the microsecond. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
