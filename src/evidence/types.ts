/**
 * What is known of a restore.
 * @module
 */

/** What one source of evidence says. */
export interface EvidenceSource {
  readonly name: "vmgenid" | "rtc" | "ptp";
  readonly available: boolean;
  /** Why it is not available. */
  readonly reason?: string;
  readonly finding?: string;
}

/** What all sources together say. */
export interface Evidence {
  /** True where `restored` is certain, whether true or false. */
  readonly conclusive: boolean;
  /** The kernel says that this machine is a fork. */
  readonly restored: boolean;
  /** The machine stood still: it was paused, or it is a restored one. */
  readonly paused: boolean;
  readonly sources: readonly EvidenceSource[];
}
