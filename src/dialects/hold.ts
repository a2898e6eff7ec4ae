/**
 * How long filesystems stay frozen for a call of a dialect.
 * @module
 */

/**
 * Milliseconds from the end of a lease to the end of the hold. The hold begins before the lease does,
 * and the thread that ends it has the processor when a busy agent may not: without a margin, the
 * filesystems thaw before the recovery, which then has to report them as `expired`.
 */
const MARGIN_MS = 5000;

/**
 * The most milliseconds that filesystems stay frozen beside a lease of so many seconds: the end of the
 * lease thaws them. The hold is for an agent that does not come to that.
 */
export function holdBeyond(leaseSeconds: number): number {
  return leaseSeconds * 1000 + MARGIN_MS;
}
