import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RenewedItem } from "../../src/lifecycle/reports.ts";
import {
  inMountNamespace,
  mountNamespaceProblem,
} from "../support/mount_namespace.ts";

interface State {
  items: RenewedItem[];
  contents: Record<string, { text: string; mode: string }>;
  mounts: string[];
}

interface Result {
  before: { contents: State["contents"]; disk: string };
  first: State;
  second: State;
  after: { disk: string };
  third: State;
}

const skip = mountNamespaceProblem();
const script = new URL("../support/namespace/renewal.ts", import.meta.url);
/** dhclient replaces its file by rename(2), which no mount survives. */
const KEPT = "/var/lib/dhcp/dhclient6.eth0.leases";

describe("an identity in memory", { skip }, () => {
  test("two generations are new, mounts do not stack, and the disk stays as it is", () => {
    const { before, first, second, after, third } = inMountNamespace<Result>(
      script,
    );
    for (const { items } of [first, second, third]) {
      assert.deepEqual(
        items.filter(({ status }) => status !== "renewed"),
        [],
      );
    }
    const files = Object.keys(before.contents).filter((file) => file !== KEPT);
    for (const file of files) {
      const texts = [before, first, second, third]
        .map(({ contents }) => contents[file].text);
      assert.equal(new Set(texts).size, 4, file);
      const modes = [before, first, second, third]
        .map(({ contents }) => contents[file].mode);
      assert.equal(new Set(modes).size, 1, file);
    }
    assert.equal(second.contents[KEPT].text, before.contents[KEPT].text);
    const [machine] = first.items;
    assert.match(String(machine.kept), /dhclient6\.eth0\.leases: dhclient/);
    assert.deepEqual(first.mounts, files.toSorted());
    assert.deepEqual(second.mounts, first.mounts);
    assert.equal(after.disk, before.disk);
    assert.deepEqual(third.mounts, []);
  });

  test("a directory on a disk is refused, and nothing changes", () => {
    const { before, first, after } = inMountNamespace<Result>(script, {
      memory: false,
    });
    for (const { item, status, reason } of first.items) {
      if (item === "dbus-id") continue; // it follows the machine-id
      assert.equal(status, "failed", item);
      assert.match(reason!, /the runtime directory is on a disk/);
    }
    assert.deepEqual(first.contents, before.contents);
    assert.equal(after.disk, before.disk);
  });
});
