import * as nodes from "node:path";
import { test } from "node:test";
import * as own from "../../../../src/runtime/deno/node/path.ts";
import { notDeno, same } from "./parity.ts";

const PATHS = [
  ...["", ".", "..", "/", "//", "a", "a/", "/a", "/a/", "a/b", "/a/b/c"],
  ...["./a", "../a", "a/..", "a/../..", "/..", "/../a", "a//b", "a/./b/"],
  ...["//a//b//", "a/../../b/", "...", ".a", "a.service", "/x/a.service"],
  ...["./", "../", "/./", "a/../", " ", "a\nb/c\nd"],
];

test("paths are taken apart and joined as by node:path", () => {
  for (const path of PATHS) {
    const name = JSON.stringify(path);
    same(own, nodes, name, (all) => all.normalize(path));
    same(own, nodes, name, (all) => all.dirname(path));
    same(own, nodes, name, (all) => all.basename(path));
    same(own, nodes, name, (all) => all.basename(path, ".service"));
    for (const other of PATHS) {
      const name = JSON.stringify([path, other]);
      same(own, nodes, name, (all) => all.join(path, other));
      same(own, nodes, name, (all) => all.join(path, other, "x"));
      same(own, nodes, name, (all) => all.resolve("/", path, other));
    }
  }
});

test(
  "a relative path begins at the current directory",
  { skip: notDeno },
  () => {
    same(own, nodes, "relative", (all) => all.resolve("a", "../b"));
    same(own, nodes, "nothing", (all) => all.resolve(""));
  },
);
