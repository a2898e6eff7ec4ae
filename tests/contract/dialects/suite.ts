/**
 * The contracts of the dialects, run over each target by a file of its own.
 */
import type { Target } from "../../support/agent.ts";
import { framework } from "./framework.ts";
import { qemuGa } from "./qemu_ga.ts";

/** Declares every test of the dialects for one target. */
export function dialects(target: Target): void {
  framework(target);
  qemuGa(target);
}
