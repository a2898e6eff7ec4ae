/**
 * The step `workload` with the cgroup `all`, on a tree of real cgroups like that of a machine with
 * containers. The tree's root is a cgroup of the test.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import type { WorkloadRequest } from "../../src/lifecycle/request.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { thawWorkload } from "../../src/steps/frozen_workload.ts";
import { workloadStep } from "../../src/steps/workload.ts";
import { selectTree } from "../../src/steps/workload_tree.ts";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import { TestDisk, withoutDisks } from "../support/disk.ts";
import {
  fakeJournal,
  recoveryContext,
  stepContext,
  temporary,
} from "../support/hooks.ts";
import { until } from "../support/until.ts";

const skip = withoutCgroups();

/** A tree: the agent in system/agent, a log daemon in system/log, containers below pods. */
class Tree implements Disposable {
  readonly #directory = temporary();
  readonly journal = fakeJournal();
  readonly root = new TestCgroup();
  readonly system = new TestCgroup(this.root.path);
  readonly agent = new TestCgroup(this.system.path);
  readonly log = new TestCgroup(this.system.path);
  readonly service = new TestCgroup(this.system.path);
  readonly init = new TestCgroup(this.root.path);
  readonly pods = new TestCgroup(this.root.path);
  readonly container = new TestCgroup(this.pods.path);
  readonly inner = new TestCgroup(this.container.path);

  constructor() {
    const place = (pid: string, { path }: TestCgroup) => {
      mkdirSync(join(this.#directory.path, pid));
      const below = path.slice(this.root.path.length);
      writeFileSync(join(this.#directory.path, pid, "cgroup"), `0::${below}\n`);
    };
    place("self", this.agent);
    place("1", this.init);
  }

  get proc(): string {
    return this.#directory.path;
  }

  async quiesce(workload?: WorkloadRequest, limitMs = 5000): Promise<Done> {
    const step = workloadStep({
      cgroups: ["all"],
      kept: [`${basename(this.system.path)}/${basename(this.log.path)}`],
      ...{ limitMs, journal: this.journal, root: this.root.path },
      proc: this.proc,
    });
    const context = { ...stepContext(), ...workload && { workload } };
    return await step.quiesce(context) as Done;
  }

  [Symbol.dispose](): void {
    for (
      const group of [
        ...[this.inner, this.container, this.pods, this.init],
        ...[this.service, this.log, this.agent, this.system, this.root],
      ]
    ) group[Symbol.dispose]();
    this.#directory.remove();
  }
}

const SPIN = "while :; do sleep 0.02; done";

describe(`all cgroups${skip ? `: ${skip}` : ""}`, { skip }, () => {
  test("everything freezes but the agent's chain, process 1 and what is kept", async () => {
    using tree = new Tree();
    await tree.inner.run(SPIN);
    await tree.service.run(SPIN);
    const { effect, undo } = await tree.quiesce();
    assert.deepEqual(
      new Set(effect.requested as string[]),
      new Set([tree.service.path, tree.pods.path]),
    );
    assert.equal(effect.mode, "hierarchy");
    // The root, system and its three, init, pods: what is below pods need not be looked at.
    assert.equal(effect.visited, 7);
    assert.equal(effect.truncated, false);
    assert.equal(effect.allowlisted, 1);
    for (const frozen of [tree.service, tree.inner, tree.container]) {
      assert.ok(frozen.frozen, frozen.path);
    }
    for (const running of [tree.system, tree.agent, tree.log, tree.init]) {
      assert.ok(!running.frozen, running.path);
    }
    assert.deepEqual(tree.journal.written.get("workload"), {
      cgroups: effect.requested,
    });
    await undo!(recoveryContext());
    assert.ok(!tree.inner.frozen && !tree.service.frozen);
    assert.equal(tree.journal.written.size, 0);
  });

  test("what the guest froze stays frozen, at any depth", async () => {
    using tree = new Tree();
    await tree.inner.run(SPIN);
    tree.inner.ask(true);
    tree.service.ask(true);
    await until("the guest's freeze", () => tree.inner.frozen);
    const { effect, undo } = await tree.quiesce();
    assert.deepEqual(effect.alreadyFrozen, [tree.service.path]);
    assert.deepEqual(effect.requested, [tree.pods.path]);
    await undo!(recoveryContext());
    assert.ok(tree.inner.frozen && tree.service.frozen);
    assert.ok(!tree.pods.frozen && !tree.container.frozen);
  });

  test("the audit counts what escaped, and what must run and does not", async () => {
    using tree = new Tree();
    await tree.inner.run(SPIN);
    const { undo } = await tree.quiesce({ audit: true, counts: true });
    using late = new TestCgroup(tree.root.path);
    tree.log.ask(true);
    await until("the wrong freeze", () => tree.log.frozen);
    const effect = await undo!(recoveryContext());
    assert.deepEqual(effect?.audit, {
      visited: 10,
      frozen: 4,
      escaped: 1,
      violations: 1,
      truncated: false,
    });
    assert.ok(!late.frozen);
  });

  test("a cgroup that appears while the others freeze is frozen, too", () => {
    using tree = new Tree();
    const { root, proc } = tree;
    const { ours, added } = selectTree({ root: root.path, proc });
    assert.deepEqual(added!(), []);
    using late = new TestCgroup(root.path);
    assert.deepEqual(added!(), [late.path]);
    assert.deepEqual(added!(), []);
    assert.ok(!ours.includes(late.path));
  });

  test("a tree that is larger than the walk fails, or is counted as truncated", async () => {
    using tree = new Tree();
    await assert.rejects(
      tree.quiesce({ maxCgroups: 3 }),
      /^Error: Cannot freeze the workload: there are more than 3 cgroups$/,
    );
    assert.equal(tree.journal.written.size, 0);
    const { effect, undo } = await tree.quiesce({
      maxCgroups: 3,
      counts: true,
    });
    assert.equal(effect.truncated, true);
    assert.equal(effect.visited, 3);
    await undo!(recoveryContext());
  });

  test("without a wait the freeze is requested, and counted as not done", async () => {
    using tree = new Tree();
    await tree.inner.run(SPIN, 1);
    const { effect, undo } = await tree.quiesce({ counts: true, waitMs: 0 });
    const { requested, notFrozen, failed } = effect as Record<string, string[]>;
    assert.deepEqual(failed, []);
    assert.equal(effect.frozen, requested.length - notFrozen.length);
    await until("the freeze", () => tree.inner.frozen);
    await undo!(recoveryContext());
    assert.ok(!tree.inner.frozen);
  });

  test("a process that cannot freeze is counted, and no error", {
    skip: withoutDisks(),
  }, async () => {
    using tree = new Tree();
    using disk = new TestDisk();
    disk.ask("-f");
    await tree.inner.run(`echo x > ${disk.mountPoint}/x`);
    await until("the write to wait", () => tree.inner.waits);
    await assert.rejects(
      tree.quiesce(undefined, 50),
      /not frozen within 50 ms/,
    );
    const { effect, undo } = await tree.quiesce({ counts: true, waitMs: 50 });
    assert.deepEqual(effect.notFrozen, [tree.pods.path]);
    assert.equal(effect.frozen, (effect.requested as string[]).length - 1);
    assert.ok(effect.waitMs as number >= 49);
    await undo!(recoveryContext());
    assert.ok(!tree.service.frozen);
    disk.ask("-u");
  });

  test("the next agent thaws what a killed agent froze", async () => {
    using tree = new Tree();
    await tree.quiesce();
    await thawWorkload(2000)(tree.journal.written.get("workload")!);
    assert.ok(!tree.pods.frozen && !tree.service.frozen);
  });
});
