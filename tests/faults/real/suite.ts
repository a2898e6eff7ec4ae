/**
 * Faults that only a real process meets: no rights, no descriptors, no room, no
 * FFI, no reader of the log, filesystems that never answer, a workload that has
 * ended, and signals in every state.
 */
import type { Target } from "../../support/agent.ts";
import { blindness } from "./blindness.ts";
import { crowd } from "./crowd.ts";
import { deafness } from "./deafness.ts";
import { endedServices } from "./ended_services.ts";
import { hungMounts } from "./hung_mounts.ts";
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
  hungMounts(target);
  endedServices(target);
  signals(target);
}
