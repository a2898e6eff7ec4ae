/**
 * Finds a restore by comparing the counters of the VMClock device.
 * @module
 */
import type { EvidenceSource } from "../lifecycle/reports.ts";
import type { VmClock } from "../linux/vmclock.ts";
import { messageOf } from "../util/errors.ts";

/** What the counters say about the time since the mark. */
export interface VmClockEvidence {
  readonly source: EvidenceSource;
  /** The guest was loaded from a snapshot; undefined if the device does not tell. */
  readonly restored?: boolean;
  /** The time of the guest was disrupted: by a restore or a live migration. */
  readonly disrupted: boolean;
}

/** A reading of the device; a text says why there is none. */
export type VmClockReading = VmClock | string;

/** Reads the device; never throws. */
export function takeVmClock(read: () => VmClock | undefined): VmClockReading {
  try {
    return read() ?? "this machine has no VMClock device with a driver";
  } catch (error) {
    return messageOf(error);
  }
}

/**
 * Compares the device with its reading at the mark. If there was none then, the device is not read:
 * a restore gives a machine no other devices.
 */
export function compareVmClock(
  before: VmClockReading,
  read: () => VmClock | undefined,
): VmClockEvidence {
  const name = "vmclock";
  const after = typeof before === "string" ? before : takeVmClock(read);
  if (typeof before === "string" || typeof after === "string") {
    const reason = String(after);
    return { source: { name, available: false, reason }, disrupted: false };
  }
  const counts = before.generation !== undefined &&
    after.generation !== undefined;
  const restored = counts ? after.generation !== before.generation : undefined;
  const disrupted = after.disruption !== before.disruption;
  const finding = restored
    ? "the generation counter changed"
    : disrupted
    ? "the disruption marker changed: a restore or a live migration"
    : undefined;
  return {
    source: {
      ...{ name, available: true },
      ...counts ? {} : { reason: "the device has no generation counter" },
      ...finding === undefined ? {} : { finding },
    },
    ...restored === undefined ? {} : { restored },
    disrupted: restored === true || disrupted,
  };
}
