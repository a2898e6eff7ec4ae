import { describe } from "node:test";
import { Fleet } from "./support/fleet.ts";
import { ROUND_FLAGS, roundSuite } from "./support/round_suite.ts";

describe("a guest with musl on arm64", () => {
  const fleet = new Fleet("bun", { guest: "arm64-musl", flags: ROUND_FLAGS });
  roundSuite(fleet, "arm64-musl", {
    machine: "aarch64",
    library: /\/ld-musl-aarch64\.so\.1$/m,
    hypervisor: /linux,dummy-virt QEMU$/,
  });
});
