/**
 * Evidence of a restore: what the lifecycle asks for at a recovery, and src/evidence/ finds.
 * @module
 */

/** The answer of one source of evidence. */
export interface EvidenceSource {
  readonly name: "vmgenid" | "rtc" | "ptp";
  readonly available: boolean;
  /** The reason why the source is not available, or why its answer is uncertain. */
  readonly reason?: string;
  /** What the source found; undefined if it found no sign of a pause or a restore. */
  readonly finding?: string;
}

/** The answer of all sources together. */
export interface Evidence {
  /** True if `restored` is certain, whether it is true or false. */
  readonly conclusive: boolean;
  /** The kernel reports that this machine is a fork. */
  readonly restored: boolean;
  /** The machine stood still: it was paused or restored. */
  readonly paused: boolean;
  readonly sources: readonly EvidenceSource[];
}
