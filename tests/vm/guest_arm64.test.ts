import { describe } from "node:test";
import { Fleet } from "./support/fleet.ts";
import { bareSuite, ROUND_FLAGS, roundSuite } from "./support/round_suite.ts";

describe("a guest on arm64", () => {
  const fleet = new Fleet("bun", { guest: "arm64", flags: ROUND_FLAGS });
  roundSuite(fleet, "arm64", {
    machine: "aarch64",
    library: /\/libc\.so\.6$/m,
    hypervisor: /linux,dummy-virt QEMU$/,
  });

  bareSuite(
    new Fleet("bun", { guest: "arm64", flags: ROUND_FLAGS, guid: "none" }),
  );
});
