import { test } from "node:test";
import assert from "node:assert/strict";
import { networkRepair } from "../../src/steps/network.ts";
import { fakeJournal } from "../support/hooks.ts";
import { repairWith } from "../support/recovery.ts";

test("without an identity, nothing is touched", async () => {
  const fail = () => assert.fail("nothing is to be done");
  const repair = networkRepair({
    ...{ libc: {}, forwardAddresses: [], directory: "/nowhere" },
    ...{ journal: fakeJournal(), later: fail, onDone: fail, onError: fail },
  });
  assert.deepEqual(await repairWith(repair, {}), {
    skipped: "no identity was given",
  });
});
