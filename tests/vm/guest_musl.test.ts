import { describe } from "node:test";
import { Fleet } from "./support/fleet.ts";
import { ROUND_FLAGS, roundSuite } from "./support/round_suite.ts";

describe("a guest with musl", () => {
  const fleet = new Fleet("bun", { guest: "musl", flags: ROUND_FLAGS });
  roundSuite(fleet, "musl", {
    machine: "x86_64",
    library: /\/ld-musl-x86_64\.so\.1$/m,
    hypervisor: /QEMU/,
  });
});
