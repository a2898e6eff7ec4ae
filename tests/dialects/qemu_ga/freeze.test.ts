import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FilesystemFreeze } from "../../../src/dialects/qemu_ga/freeze.ts";
import type { FreezeRequest } from "../../../src/lifecycle/request.ts";
import { start } from "../../lifecycle/rig.ts";
import { until } from "../../support/until.ts";

/** How the fake step freezes. */
interface Fake {
  readonly frozen?: readonly string[];
  readonly fail?: boolean;
  readonly thaw?: () => Record<string, unknown>;
  readonly lasts?: () => boolean;
}

/** The freeze, over a real lifecycle with a fake step. */
function rig(fake: Fake = {}, leaseSeconds = 600) {
  const requests: (FreezeRequest | undefined)[] = [];
  const frozen = fake.frozen ?? ["/", "/data"];
  const { lifecycle } = start([{
    name: "freeze-mounts",
    quiesce({ freeze, kind }) {
      assert.equal(kind, "disk");
      requests.push(freeze);
      if (fake.fail) throw new Error("no disk");
      return {
        effect: { frozen },
        undo: () => fake.thaw?.() ?? { thawed: frozen, expired: false },
        lasts: fake.lasts,
      };
    },
  }], []);
  let ids = 0;
  const freeze = new FilesystemFreeze({
    ...{ lifecycle, leaseSeconds, newId: () => `freeze-${++ids}` },
  });
  return { lifecycle, freeze, requests };
}

describe("a freeze", () => {
  test("is a prepare of kind disk, and its thaw a recovery", async () => {
    const { lifecycle, freeze, requests } = rig();
    assert.equal(freeze.status, "thawed");
    assert.equal(await freeze.freeze(), 2);
    assert.equal(freeze.status, "frozen");
    assert.equal(lifecycle.state, "quiesced");
    assert.equal(lifecycle.operation?.kind, "disk");
    assert.deepEqual(requests, [{ holdMs: 605_000 }]);
    assert.equal(await freeze.thaw(), 2);
    assert.equal(freeze.status, "thawed");
    assert.equal(lifecycle.lastRecovery?.outcome, "resumed");
    assert.equal(await freeze.thaw(), 0);
  });

  test("of some mount points says which", async () => {
    const { freeze, requests } = rig();
    await freeze.freeze(["/data"]);
    assert.deepEqual(requests, [{ holdMs: 605_000, mounts: ["/data"] }]);
    await freeze.thaw();
  });

  test("of no filesystem lets the guest run", async () => {
    const { lifecycle, freeze } = rig({ frozen: [] });
    assert.equal(await freeze.freeze(), 0);
    assert.equal(lifecycle.state, "running");
    assert.equal(await freeze.thaw(), 0);
  });

  test("that a health check ends before its reply is an error", async () => {
    const { lifecycle } = rig();
    const freeze = new FilesystemFreeze({
      lifecycle: {
        get state() {
          return lifecycle.state;
        },
        get operation() {
          return lifecycle.operation;
        },
        get lastRecovery() {
          return lifecycle.lastRecovery;
        },
        prepare: (request) => lifecycle.prepare(request),
        recover: (cause, request) => lifecycle.recover(cause, request),
        async settle(operation) {
          await lifecycle.recover({ trigger: "health" });
          return await lifecycle.settle(operation);
        },
      },
      ...{ leaseSeconds: 600, newId: () => "freeze-1" },
    });
    await assert.rejects(freeze.freeze(), /ended before the thaw \(health\)/);
    assert.equal(freeze.status, "thawed");
    // libvirt sends a thaw after a failed freeze.
    await assert.rejects(freeze.thaw(), /Cannot confirm the freeze/);
    assert.equal(await freeze.thaw(), 0);
  });

  test("that fails is undone, and is an error", async () => {
    const { lifecycle, freeze } = rig({ fail: true });
    await assert.rejects(
      freeze.freeze(),
      /Cannot prepare: step freeze-mounts failed: no disk/,
    );
    assert.equal(lifecycle.state, "running");
    assert.equal(freeze.status, "thawed");
    // libvirt sends a thaw after a failed freeze.
    assert.equal(await freeze.thaw(), 0);
  });

  test("whose host has gone ends with its lease, and the late thaw is an error", async () => {
    const { lifecycle, freeze } = rig({}, 0.1);
    await freeze.freeze();
    await until("the lease", () => lifecycle.state === "running");
    assert.equal(freeze.status, "thawed");
    assert.equal(lifecycle.lastRecovery?.outcome, "expired");
    await assert.rejects(
      freeze.thaw(),
      /Cannot confirm the freeze: its operation ended before the thaw \(lease\)/,
    );
    assert.equal(await freeze.thaw(), 0);
  });

  test("that thawed by itself is thawed, and its thaw is an error", async () => {
    let lasts = true;
    const { lifecycle, freeze } = rig({
      lasts: () => lasts,
      thaw: () => ({ thawed: ["/"], expired: true }),
    });
    await freeze.freeze();
    lasts = false;
    assert.equal(freeze.status, "thawed");
    await assert.rejects(freeze.thaw(), /thawed by themselves before the thaw/);
    assert.equal(lifecycle.state, "running");
  });

  test("by an agent that was killed: the first thaw is an error", async () => {
    const { lifecycle } = rig();
    const options = { lifecycle, leaseSeconds: 600, newId: () => "id" };
    const freeze = new FilesystemFreeze({ ...options, thawedAtStart: true });
    await assert.rejects(freeze.thaw(), /the agent was killed/);
    assert.equal(await freeze.thaw(), 0);
    const next = new FilesystemFreeze({ ...options, thawedAtStart: true });
    assert.equal(await next.freeze(), 2);
    assert.equal(await next.thaw(), 2);
  });

  test("that cannot be thawed is an error with the reason", async () => {
    const { freeze } = rig({
      thaw() {
        throw new Error("Cannot thaw every mount: /data");
      },
    });
    await freeze.freeze();
    await assert.rejects(
      freeze.thaw(),
      /Cannot thaw the filesystems: Cannot thaw every mount: \/data/,
    );
  });
});

describe("beside another host", () => {
  test("a freeze is refused while its operation holds the guest", async () => {
    const { lifecycle, freeze } = rig();
    await lifecycle.prepare({ operation: "other", kind: "disk" });
    assert.equal(freeze.status, "frozen");
    await assert.rejects(
      freeze.freeze(),
      /Cannot freeze the filesystems: the guest is quiesced for another operation/,
    );
    await assert.rejects(
      freeze.thaw(),
      /Cannot thaw the filesystems: another host's operation has frozen them/,
    );
    assert.equal(lifecycle.operation?.id, "other");
    await lifecycle.recover({ trigger: "recover" });
    assert.equal(freeze.status, "thawed");
  });

  test("a freeze that the other host recovered is thawed, and its thaw is an error", async () => {
    const { lifecycle, freeze } = rig();
    await freeze.freeze();
    await lifecycle.recover({ trigger: "health" });
    assert.equal(freeze.status, "thawed");
    await assert.rejects(freeze.thaw(), /ended before the thaw \(health\)/);
  });

  test("a thaw leaves the next operation alone", async () => {
    const { lifecycle, freeze } = rig();
    await freeze.freeze();
    await lifecycle.recover({ trigger: "health" });
    await lifecycle.prepare({ operation: "other", kind: "disk" });
    await assert.rejects(freeze.thaw(), /ended before the thaw/);
    assert.equal(lifecycle.state, "quiesced");
    await lifecycle.recover({ trigger: "recover" });
  });

  test("a prepare of the other host joins no freeze of another kind", async () => {
    const { lifecycle, freeze } = rig();
    await freeze.freeze();
    await assert.rejects(lifecycle.prepare({ kind: "full" }));
    assert.equal(await freeze.thaw(), 2);
  });
});
