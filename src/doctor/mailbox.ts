/**
 * Checks of the mailbox, in which a fork finds its data without a call of the host.
 * @module
 */
import type { Check } from "./check.ts";

/** The checks of the mailbox. */
export const mailboxChecks: readonly Check[] = [
  {
    name: "mailbox",
    needed: ({ mailbox }) => mailbox !== "",
    async look({ libc, config: { mailbox, bodyLimitBytes } }) {
      if (mailbox === "") return "none is configured";
      const { sourceOf } = await import("../mailbox/source_of.ts");
      const bytes = await sourceOf(libc, mailbox).read(bodyLimitBytes);
      return bytes.some((byte) => byte !== 0)
        ? `${mailbox} can be read and has content`
        : `${mailbox} can be read and is empty`;
    },
    skipped: "the data of a fork, unless its host calls recover",
    remedy:
      "attach the device or the file before the agent starts; for mmds, let the machine's network interface serve MMDS, and add a route to it (ip route add 169.254.169.254 dev eth0)",
  },
];
