/**
 * Evidence as the spine asks for it: it never throws.
 * @module
 */
import type { EvidenceObserver } from "./observer.ts";
import type { Evidence } from "../lifecycle/evidence.ts";

/** The kernel may say a moment after the first call that this is a fork. */
const FORK_NEWS_MS = 100;

/** Undefined where the prepare could not take its mark. */
export async function lookForEvidence(
  observer: Pick<EvidenceObserver, "check">,
): Promise<Evidence | undefined> {
  const found = tryCheck(observer);
  const expected = found?.paused && !found.restored && found.conclusive;
  if (!expected) return found;
  await new Promise((resolve) => setTimeout(resolve, FORK_NEWS_MS));
  return tryCheck(observer);
}

/** Whether this machine was paused, or is a restored one. */
export function wasPaused(observer: EvidenceObserver): boolean {
  return tryCheck(observer)?.paused ?? false;
}

function tryCheck(
  observer: Pick<EvidenceObserver, "check">,
): Evidence | undefined {
  try {
    return observer.check();
  } catch {
    return undefined; // the report of the evidence step says why
  }
}
