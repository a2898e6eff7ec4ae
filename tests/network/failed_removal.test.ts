import assert from "node:assert/strict";
import { test } from "node:test";
import { inNamespace } from "../support/namespace/mod.ts";
import { skip } from "./forks.ts";

const SCRIPT = new URL(
  "../support/namespace/failed_removal.ts",
  import.meta.url,
);

test(
  "a removal that failed does not bring back its identity over a later one",
  {
    skip,
  },
  async () => {
    const found = await inNamespace<
      { addresses: string[]; errors: string[]; kept: boolean }
    >(SCRIPT);
    assert.equal(found.errors.length, 1);
    assert.match(found.errors[0], /Cannot find interface eth0/);
    // An agent that is killed now leaves the removal to the next one.
    assert.equal(found.kept, true);
    assert.deepEqual(found.addresses, ["10.0.2.31/24"]);
  },
);
