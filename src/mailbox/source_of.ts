/**
 * Chooses the kind of mailbox by the value of the option.
 * @module
 */
import type { Libc } from "../linux/libc.ts";
import { fileSource } from "./file.ts";
import { mmdsSource } from "./mmds.ts";
import type { MailboxSource } from "./source.ts";

/** The source of a mailbox: `mmds`, or a path. */
export function sourceOf(libc: Libc, mailbox: string): MailboxSource {
  return mailbox === "mmds" ? mmdsSource() : fileSource(libc, mailbox);
}
