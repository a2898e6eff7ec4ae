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
import { runningTimeDaemons, type TimeDaemon } from "../linux/time_daemons.ts";

interface ClockOptions {
  readonly libc: Libc;
  /** A skew up to this many milliseconds is not corrected: NTP does that. */
  readonly toleranceMs: number;
  /** The clock to read if the caller gave no time. */
  readonly hostClock: () => HostClock | undefined;
  /** Runs work after the reply. */
  readonly defer: (action: () => void) => void;
  /** Called if a daemon could not be told that the clock was set. */
  readonly onError: (error: unknown) => void;
  readonly daemons?: () => readonly TimeDaemon[];
}

/** A daemon that keeps the clock right, in the effect. */
interface Told {
  readonly name: string;
  /** How the daemon learns that the clock was set. */
  readonly told: string;
  /** `later`: it is told after the reply. The status then says `done` or `failed`. */
  status: "later" | "done" | "failed";
}

/** A clock to set the wall clock by, and its name. */
interface Reference {
  readonly source: string;
  now(): number;
}

/**
 * Effect: `source` ("request", or the device), `skewBeforeMs` and `skewAfterMs` (the guest's clock
 * minus the host's: negative if the guest is late), and `stepped`. If the clock was set and programs
 * that keep the clock right run, `daemons` says how each of them learns of it.
 *
 * The repair also accepts a host time that is before the guest's boot by the guest's own clock: a
 * template is snapshotted soon after its boot, and its clock may have been wrong. The effect then
 * has `beforeBoot`. Other clocks do not change: CLOCK_MONOTONIC and CLOCK_BOOTTIME continue. The
 * kernel refuses a time that is less than its CLOCK_MONOTONIC after 1970 (clock_settime(2), EINVAL).
 */
export function clockRepair(options: ClockOptions): Repair {
  const { libc, hostClock } = options;
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
      return setBy(reference, options);
    },
  };
}

function setBy(reference: Reference, options: ClockOptions) {
  const { libc, toleranceMs } = options;
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
  const skewAfterMs = skew();
  const daemons = tellDaemons(options);
  return {
    ...{ source, skewBeforeMs, skewAfterMs, stepped: true },
    ...(beforeBoot ? { beforeBoot } : {}),
    ...(daemons.length > 0 ? { daemons } : {}),
  };
}

/**
 * Tells the daemons that keep the clock right that it was set, after the reply: they look at the
 * clock again in seconds at the earliest.
 */
function tellDaemons(
  { defer, onError, daemons = runningTimeDaemons }: ClockOptions,
): Told[] {
  return daemons().map(({ name, told, tell }) => {
    const entry: Told = { name, told, status: tell ? "later" : "done" };
    if (tell) {
      defer(() => {
        tell().then(() => entry.status = "done", (error) => {
          entry.status = "failed";
          onError(error);
        });
      });
    }
    return entry;
  });
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
