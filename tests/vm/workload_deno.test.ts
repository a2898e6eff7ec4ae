import { describe } from "node:test";
import { Fleet } from "./support/fleet.ts";
import { REST_FLAGS, restSuite } from "./support/rest_suite.ts";

describe("a machine whose workload takes part, under Deno", () => {
  restSuite(new Fleet("deno", { flags: REST_FLAGS }));
});
