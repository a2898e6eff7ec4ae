/**
 * Looks for evidence without ever throwing, as the lifecycle needs it.
 * @module
 */
import { sleep } from "../util/wait.ts";
import type { EvidenceObserver } from "./observer.ts";
import type { Evidence } from "../lifecycle/reports.ts";

/** Milliseconds until the kernel log has the VM-fork message, if the machine is a fork. */
const FORK_MESSAGE_MS = 100;

/**
 * Returns the evidence since the prepare; undefined if there is no mark. Looks a second time if the
 * machine was paused and the VM-fork message may still come.
 */
export async function lookForEvidence(
  observer: Pick<EvidenceObserver, "check">,
): Promise<Evidence | undefined> {
  const found = tryCheck(observer);
  const expected = found?.paused && !found.restored &&
    found.sources.some(({ name, available }) =>
      name === "vmgenid" && available
    );
  if (!expected) return found;
  await sleep(FORK_MESSAGE_MS);
  return tryCheck(observer);
}

/** Whether this machine was paused or restored since the mark. */
export function wasPaused(observer: EvidenceObserver): boolean {
  return tryCheck(observer)?.paused ?? false;
}

function tryCheck(
  observer: Pick<EvidenceObserver, "check">,
): Evidence | undefined {
  try {
    return observer.check();
  } catch {
    return undefined; // the report of the evidence step has the reason
  }
}
