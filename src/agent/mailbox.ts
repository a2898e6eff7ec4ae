/**
 * Makes the mailbox of the configuration. This module is loaded only if there is one.
 * @module
 */
import * as v from "valibot";
import type { Config } from "../config/mod.ts";
import { RecoverBody } from "../http/routes/schemas.ts";
import type { RecoverRequest } from "../lifecycle/request.ts";
import type { Repair, Step } from "../lifecycle/step.ts";
import type { Libc } from "../linux/libc.ts";
import { Mailbox } from "../mailbox/mailbox.ts";
import { sourceOf } from "../mailbox/source_of.ts";
import { mailboxStep } from "../steps/mailbox.ts";
import { issuesOf } from "../util/json_input.ts";

/** Makes the step and repair of the mailbox. */
export function createMailbox(
  libc: Libc,
  { mailbox, bodyLimitBytes }: Pick<Config, "mailbox" | "bodyLimitBytes">,
): Step & Repair {
  return mailboxStep(
    new Mailbox({
      source: sourceOf(libc, mailbox),
      maxBytes: bodyLimitBytes,
      parse: parseContent,
    }),
  );
}

/** Checks the content as the body of a call to recover. */
export function parseContent(value: unknown): RecoverRequest {
  const result = v.safeParse(RecoverBody, value);
  if (result.success) return result.output;
  throw new Error(
    issuesOf(result.issues)
      .map(({ path, expected }) => `${path || "it"}: expected ${expected}`)
      .join("; "),
  );
}
