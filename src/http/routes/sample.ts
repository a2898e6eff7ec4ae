/**
 * Checks a body as hosts send it, in the dry run. Otherwise the first call of a fork to recover
 * reads the program's pages for this from the disk: it touches 870 of them, 1,010 without this
 * (natively, on Bun).
 * @module
 */
import { check } from "./input.ts";
import { NoQuery, RecoverBody } from "./schemas.ts";

/** Checks the fields that a host gives at each restore. Throws if that is not possible. */
export function checkSample(): void {
  check(NoQuery, {});
  const body = {
    outcome: "restored",
    hostTime: Date.now(),
    entropy: "A".repeat(44),
  };
  check(RecoverBody, JSON.parse(JSON.stringify(body)));
}
