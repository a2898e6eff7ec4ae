import assert from "node:assert/strict";
import { test } from "node:test";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";

const SCRIPT = new URL(
  "../support/namespace/forwarding.ts",
  import.meta.url,
);
const WRITTEN = "FD00:0::0021";

test(
  "ports are forwarded from IPv4 and IPv6, as an interface gets and loses the addresses",
  {
    skip: namespaceProblem(),
  },
  async () => {
    assert.deepEqual(await inNamespace(SCRIPT), [
      "resting",
      ...[["10.0.2.21"], "none"],
      ...[["10.0.2.21", WRITTEN], "10.0.2.21"],
      ...[[WRITTEN], "fd00::21"],
      2,
    ]);
  },
);
