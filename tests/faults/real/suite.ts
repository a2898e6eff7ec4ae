/**
 * Faults that only a real process meets: no rights, no descriptors, no room, no
 * FFI, no reader of the log, and signals in every state.
 */
import type { Target } from "../../support/agent.ts";
import { blindness } from "./blindness.ts";
import { crowd } from "./crowd.ts";
import { deafness } from "./deafness.ts";
import { hookReports } from "./hook_reports.ts";
import { owedThaws } from "./owed_thaws.ts";
import { poverty } from "./poverty.ts";
import { signals } from "./signals.ts";
import { starved } from "./starved.ts";

/** Declares the tests for one target. */
export function faults(target: Target): void {
  poverty(target);
  starved(target);
  crowd(target);
  blindness(target);
  deafness(target);
  signals(target);
  owedThaws(target);
  hookReports(target);
}
