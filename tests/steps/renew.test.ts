import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { PartlyDone } from "../../src/lifecycle/errors.ts";
import type { RenewedItem } from "../../src/lifecycle/reports.ts";
import { renewRepair } from "../../src/steps/renew.ts";
import { temporary } from "../support/hooks.ts";
import { fileAt, makeTree } from "../support/identity_tree.ts";
import { repairWith } from "../support/recovery.ts";

const directory = temporary();
after(directory.remove);

function repairIn(root: string) {
  makeTree(root, "file");
  return renewRepair({
    ...{ libc: {}, root, directory: `${root}-memory`, limitMs: 10_000 },
  });
}

describe("the renewal", () => {
  test("does nothing unless it is asked for", async () => {
    const repair = repairIn(`${directory.path}/nothing`);
    assert.deepEqual(await repairWith(repair, {}), {
      skipped: "no item was asked for",
    });
    assert.equal(fileAt(`${directory.path}/nothing-memory`, ""), undefined);
  });

  test("reports each item, and names those that failed; a retry finishes them", async () => {
    const root = `${directory.path}/some`;
    const repair = repairIn(root);
    // Without the right to mount, only what may be written to the disk is renewed.
    const renew = ["machine-id", "dbus-id", "cloud-init"] as const;
    const error = await repairWith(repair, { renew }).then(
      () => assert.fail("it is done"),
      (error) => error as PartlyDone,
    );
    assert.ok(error instanceof PartlyDone);
    assert.match(
      error.message,
      /^Cannot renew machine-id: Cannot renew .*machine-id: the runtime directory is on a disk; .*; dbus-id: /,
    );
    const items = error.effect.items as RenewedItem[];
    assert.deepEqual(items.map(({ item, status }) => `${item} ${status}`), [
      ...["machine-id failed", "dbus-id failed", "cloud-init failed"],
    ]);
    const effect = await repairWith(repair, {
      ...{ renew: ["machine-id"], renewOnDisk: true },
    });
    // The other items still stand as they were.
    assert.deepEqual(
      (effect.items as RenewedItem[]).map(({ status }) => status),
      ["renewed", "failed", "failed"],
    );
  });
});
