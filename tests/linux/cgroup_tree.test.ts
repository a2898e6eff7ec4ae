import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { auditTree, findTree, walkTree } from "../../src/linux/cgroup_tree.ts";
import { temporary } from "../support/hooks.ts";

const directory = temporary();
after(directory.remove);
let trees = 0;

/** A tree of directories that look like cgroups, and the processes self and 1 in it. */
function fakeTree(names: readonly string[], self: string, first = "/") {
  const root = join(directory.path, `tree-${trees++}`);
  const proc = join(root, "..", `proc-${trees}`);
  for (const name of names) {
    mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, name, "cgroup.freeze"), "0\n");
    writeFileSync(join(root, name, "cgroup.events"), "frozen 0\n");
  }
  for (const [pid, path] of [["self", self], ["1", first]]) {
    mkdirSync(join(proc, pid), { recursive: true });
    writeFileSync(join(proc, pid, "cgroup"), `9:cpu:/\n0::${path}\n`);
  }
  return { root, proc };
}

function below(root: string, paths: readonly string[]): string[] {
  return paths.map((path) => path.slice(root.length + 1)).sort();
}

test("a systemd machine: the slices of the agent and of kept daemons are walked", () => {
  const { root, proc } = fakeTree(
    [
      ...["init.scope", "system.slice", "system.slice/lull.service"],
      ...["system.slice/systemd-journald.service", "system.slice/db.service"],
      ...["system.slice/lull.service/child", "user.slice", "user.slice/a"],
    ],
    "/system.slice/lull.service",
    "/init.scope",
  );
  const walk = walkTree(findTree(root, [], proc), 100);
  assert.deepEqual(below(root, walk.targets), [
    "system.slice/db.service",
    "system.slice/lull.service/child",
    "user.slice",
  ]);
  assert.equal(walk.allowlisted, 2);
  assert.equal(walk.visited, 8);
});

test("an agent in the root cgroup: kept daemons run nevertheless", () => {
  const { root, proc } = fakeTree(
    ["system.slice", "system.slice/dbus.service", "system.slice/db.service"],
    "/",
  );
  const { targets } = walkTree(findTree(root, ["user.slice"], proc), 100);
  assert.deepEqual(below(root, targets), ["system.slice/db.service"]);
});

test("an agent whose cgroup is not in the tree freezes nothing", () => {
  const { root, proc } = fakeTree(["a"], "/../..");
  assert.throws(
    () => findTree(root, [], proc),
    /^Error: Cannot freeze the workload: the agent's own cgroup is not below /,
  );
});

test("an audit finds a frozen cgroup of the agent's chain", () => {
  const { root, proc } = fakeTree(["a", "a/agent", "b"], "/a/agent");
  writeFileSync(join(root, "a", "cgroup.events"), "frozen 1\n");
  const audit = auditTree(findTree(root, [], proc), 100);
  assert.deepEqual(audit, {
    ...{ visited: 4, frozen: 0, escaped: 1, violations: 1, truncated: false },
  });
  assert.equal(auditTree(findTree(root, [], proc), 2).truncated, true);
});
