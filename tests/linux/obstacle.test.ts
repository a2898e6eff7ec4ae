import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { after, describe, test } from "node:test";
import { type Mount, readMounts } from "../../src/linux/mountinfo.ts";
import { obstacleTo } from "../../src/linux/obstacle.ts";
import { temporary } from "../support/hooks.ts";

describe("a path on which a call may wait for ever", () => {
  const directory = temporary();
  after(directory.remove);
  // Dots stay.
  const inside = (name: string) => `${directory.path}/${name}`;
  const hung = inside("hung");
  mkdirSync(hung);
  mkdirSync(inside("plain"));
  symlinkSync("hung/x", inside("relative"));
  symlinkSync(`${directory.path}/plain/../hung`, inside("absolute"));
  symlinkSync("absolute", inside("twice"));
  symlinkSync("/proc/self/root", inside("root"));
  symlinkSync("loop", inside("loop"));
  const fuse: Mount = {
    ...readMounts()[0],
    ...{ id: 1_000_000, mountPoint: hung, type: "fuse.evil" },
  };
  const obstacle = (path: string) => obstacleTo(path, [...readMounts(), fuse]);

  test("is found behind links and dots", () => {
    for (
      const name of [
        ...["hung", "hung/a/b", "relative", "absolute/s", "twice/s"],
        ...["plain/../hung/s", "./hung"],
      ]
    ) {
      assert.equal(obstacle(inside(name)), fuse, name);
    }
  });

  test("is one through the root of a process, wherever that is", () => {
    for (const path of ["/proc/1/root/s", inside("root/s")]) {
      assert.equal(obstacle(path)?.type, "proc", path);
    }
  });

  test("is no other one", () => {
    for (
      const name of ["plain", "plain/none/s", "hungry", "hung/../plain", "loop"]
    ) {
      const found = obstacle(inside(name));
      if (name === "hung/../plain") assert.equal(found, fuse);
      else assert.equal(found, undefined, name);
    }
    assert.equal(obstacle("/"), undefined);
  });
});
