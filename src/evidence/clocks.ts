/**
 * Finds a pause of the machine by comparing clocks that continue during a pause.
 * @module
 */
import type { EvidenceSource } from "../lifecycle/reports.ts";
import { messageOf } from "../util/errors.ts";
import type { MachineClock } from "../linux/machine_clock.ts";

/** The readings of all clocks at a point in time. */
export interface Mark {
  /** performance.now() at that time. This clock stops during a pause. */
  readonly at: number;
  /** The reading of each clock, or the reason why there is none. */
  readonly clocks: ReadonlyMap<MachineClock, number | string>;
}

/** Reads all clocks. `at` is performance.now(). */
export function takeMark(clocks: readonly MachineClock[], at: number): Mark {
  return {
    at,
    clocks: new Map(clocks.map((clock) => [clock, tryRead(clock)])),
  };
}

/**
 * Compares a clock with its reading at the mark. `now` is performance.now(). After a pause, more
 * time has passed on the clock than in the guest.
 */
export function compareClock(
  clock: MachineClock,
  mark: Mark,
  now: number,
): EvidenceSource {
  const { name } = clock;
  const before = mark.clocks.get(clock)!;
  const after = tryRead(clock);
  for (const reading of [before, after]) {
    if (typeof reading === "string") {
      return { name, available: false, reason: reading };
    }
  }
  const late = Number(after) - Number(before) - (now - mark.at);
  if (late <= clock.certainMs) return { name, available: true };
  return {
    name,
    available: true,
    finding: `stood still for about ${(late / 1000).toFixed(1)} s`,
  };
}

function tryRead(clock: MachineClock): number | string {
  try {
    return clock.read() ?? "this machine has no such clock";
  } catch (error) {
    return messageOf(error);
  }
}
