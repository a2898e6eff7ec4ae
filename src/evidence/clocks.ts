/**
 * What clocks outside of the guest say about whether it stood still.
 * @module
 */
import type { EvidenceSource } from "../lifecycle/evidence.ts";
import { messageOf } from "../util/errors.ts";
import type { MachineClock } from "../linux/machine_clock.ts";

/** A moment to compare with. */
export interface Mark {
  /** performance.now(): goes while the guest runs. */
  readonly at: number;
  /** What each clock said, or why it said nothing. */
  readonly clocks: ReadonlyMap<MachineClock, number | string>;
}

/** Asks them all, at this performance.now(). */
export function takeMark(clocks: readonly MachineClock[], at: number): Mark {
  return {
    at,
    clocks: new Map(clocks.map((clock) => [clock, tryRead(clock)])),
  };
}

/**
 * A machine that stood still since the mark is late, at this performance.now(),
 * against a clock that went on.
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
