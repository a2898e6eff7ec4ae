/**
 * The contracts of the dialects, run over each target by a file of its own.
 */
import type { Target } from "../../support/agent.ts";
import { e2b } from "./e2b.ts";
import { e2bDisks } from "./e2b_disks.ts";
import { e2bHost } from "./e2b_host.ts";
import { e2bTokens } from "./e2b_tokens.ts";
import { framework } from "./framework.ts";
import { qemuGa } from "./qemu_ga.ts";
import { guards } from "./guards.ts";
import { guardsInside } from "./guards_inside.ts";
import { hierarchy } from "./hierarchy.ts";
import { wrenn } from "./wrenn.ts";

/** Declares every test of the dialects for one target. */
export function dialects(target: Target): void {
  framework(target);
  qemuGa(target);
  wrenn(target);
  e2b(target);
  e2bHost(target);
  e2bDisks(target);
  e2bTokens(target);
  hierarchy(target);
  guards(target);
  guardsInside(target);
}
