/**
 * The step that freezes cgroups, with a journal that only remembers.
 */
import { workloadStep } from "../../src/steps/workload.ts";
import { fakeJournal } from "../support/hooks.ts";

/** The step for these cgroups, and the journal that it writes. */
export function start(cgroups: string[], limitMs = 2000) {
  const journal = fakeJournal();
  return { journal, step: workloadStep({ cgroups, limitMs, journal }) };
}
