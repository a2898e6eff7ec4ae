import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import {
  findCgroup,
  findCgroupRoot,
  freezerState,
  requestFreezer,
} from "../../src/linux/cgroup.ts";
import { TestCgroup, withoutCgroups } from "../support/cgroup.ts";
import { temporary } from "../support/hooks.ts";

const skip = withoutCgroups();

describe(`cgroups${skip ? `: ${skip}` : ""}`, { skip }, () => {
  const proc = temporary();
  after(proc.remove);

  /** A /proc in which the agent and process 1 are where the test says. */
  function living(self: string, one: string): string {
    for (const [pid, path] of [["self", self], ["1", one]]) {
      mkdirSync(join(proc.path, pid), { recursive: true });
      writeFileSync(
        join(proc.path, pid, "cgroup"),
        `5:devices:/elsewhere\n0::${path}\n`,
      );
    }
    return proc.path;
  }

  test("are found by name and by path, and nowhere else", () => {
    const root = findCgroupRoot();
    using outer = new TestCgroup();
    using inner = new TestCgroup(outer.path);
    const [a, b] = [basename(outer.path), basename(inner.path)];
    assert.equal(findCgroup(`${a}/${b}`), inner.path);
    assert.equal(findCgroup(`/${a}`), outer.path);
    assert.equal(findCgroup(inner.path), inner.path);
    for (
      const [wrong, why] of [
        ["/", "it is the root"],
        [root, "it is the root"],
        ["..", `it is not below ${root}`],
        ["../..", `it is not below ${root}`],
        [`${a}/cgroup.procs`, "ENOTDIR"],
        ["x\0", "no cgroup can have this name"],
        ["a\nb", "no cgroup can have this name"],
        ["x".repeat(300), "no cgroup can have this name"],
      ]
    ) {
      assert.throws(() => findCgroup(wrong), (error: Error) => {
        return error.message.startsWith(`Cannot freeze cgroup ${wrong}: `) &&
          error.message.includes(why);
      });
    }
  });

  test("that do not exist are none, unless they never can", () => {
    const root = findCgroupRoot();
    for (const name of ["no-such", "/no/such.slice", `${root}/no-such`]) {
      assert.equal(findCgroup(name), undefined);
    }
    // Hierarchies of version 1, and others: their files mean something else.
    const beside = "/sys/fs/cgroup/elsewhere/x";
    if (!beside.startsWith(`${root}/`)) {
      assert.throws(() => findCgroup(beside), {
        message: `Cannot freeze cgroup ${beside}: it is not below ${root}, ` +
          "where cgroup v2 is, but in /sys/fs/cgroup",
      });
    }
    const [, first] = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup /m.exec(
      readFileSync("/proc/self/mountinfo", "utf8"),
    ) ?? [];
    if (first !== undefined) {
      assert.throws(() => findCgroup(`${first}/x`), /cgroup v1$/);
    }
    const directory = temporary();
    try {
      // What a kernel before Linux 5.2 has.
      mkdirSync(join(directory.path, "old"));
      assert.throws(
        () => findCgroup("old", directory.path),
        /it has no cgroup\.freeze, which came with Linux 5\.2/,
      );
    } finally {
      directory.remove();
    }
  });

  test("that hold the agent or process 1 are refused, and those above", () => {
    const root = findCgroupRoot();
    using outer = new TestCgroup();
    using inner = new TestCgroup(outer.path);
    using beside = new TestCgroup();
    const [a, b] = [basename(outer.path), basename(inner.path)];
    for (const wrong of [outer.path, inner.path]) {
      assert.throws(
        () => findCgroup(wrong, root, living(`/${a}/${b}`, "/")),
        {
          message: `Cannot freeze cgroup ${wrong}: it holds the agent itself`,
        },
      );
      assert.throws(
        () => findCgroup(wrong, root, living("/", `/${a}/${b} (deleted)`)),
        { message: `Cannot freeze cgroup ${wrong}: it holds process 1` },
      );
    }
    const proc = living(`/${a}/${b}`, "/");
    assert.equal(findCgroup(beside.path, root, proc), beside.path);
    // the names are alike, the cgroups are not
    const longer = living(`/${a}-2`, "/");
    assert.equal(findCgroup(outer.path, root, longer), outer.path);
  });

  test("the real agent in one is seen", () => {
    using group = new TestCgroup();
    const [, was] = /^0::(.*)$/m.exec(
      readFileSync("/proc/self/cgroup", "utf8"),
    )!;
    writeFileSync(join(group.path, "cgroup.procs"), String(process.pid));
    try {
      assert.throws(
        () => findCgroup(group.path),
        /it holds the agent itself/,
      );
    } finally {
      writeFileSync(
        join(findCgroupRoot(), was, "cgroup.procs"),
        String(process.pid),
      );
    }
  });

  test("tell their state, and that they are gone", () => {
    using group = new TestCgroup();
    assert.deepEqual(freezerState(group.path), {
      requested: false,
      frozen: false,
    });
    assert.equal(requestFreezer(group.path, true), true);
    assert.deepEqual(freezerState(group.path), {
      requested: true,
      frozen: true,
    });
    group.remove();
    assert.equal(freezerState(group.path), undefined);
    assert.equal(requestFreezer(group.path, false), false);
  });
});
