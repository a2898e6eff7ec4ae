import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import {
  BINARY,
  CONFIG,
  contents,
  fates,
  installInto,
  read,
  trees,
} from "./tree.ts";

const { base, tree, remove } = trees();
after(remove);

describe("links in the tree", () => {
  test("are followed as the guest follows them", () => {
    const root = tree("usr/local -> /opt/local", "etc/lull -> ../var/lull");
    installInto(root);
    assert.ok(statSync(join(root, "opt/local/bin/lull")).isFile());
    assert.equal(read(root, "var/lull/config.json"), "{}\n");
    assert.equal(
      fates(installInto(root))[BINARY],
      "unchanged",
    );
  });

  test("that lead out of it are refused", () => {
    const outside = tree();
    const up = "../".repeat(20);
    for (const link of ["usr/local", "usr/local/bin", "etc/lull"]) {
      const root = tree(`${link} -> ${up}${outside.slice(1)}`);
      assert.throws(
        () => installInto(root),
        /^InstallError: Cannot write \/\S+: a link in its path leads out of /,
      );
    }
    assert.deepEqual(contents(outside), []);
    // An absolute one is the guest's own, and leads nowhere else.
    const root = tree(`usr/local -> ${outside}`);
    installInto(root);
    assert.deepEqual(contents(outside), []);
    assert.ok(existsSync(join(root, outside, "bin/lull")));
  });

  test("in place of a file are replaced or kept, never written through", () => {
    const victim = join(base, "victim");
    writeFileSync(victim, "mine");
    const root = tree(`${BINARY} -> ${victim}`, `${CONFIG} -> ${victim}`);
    const lines = fates(installInto(root));
    assert.equal(lines[BINARY], "written");
    assert.ok(lstatSync(join(root, BINARY)).isFile());
    assert.equal(lines[CONFIG], "kept");
    assert.equal(readFileSync(victim, "utf8"), "mine");
  });

  test("in a circle, and files in place of directories, are refused", () => {
    assert.throws(
      () => installInto(tree("usr/local -> local")),
      /Cannot write \/usr\/local\/bin\/lull: too many links/,
    );
    assert.throws(
      () => installInto(tree("usr/local")),
      /Cannot write \/usr\/local\/bin\/lull: .*\/usr\/local is not a directory/,
    );
  });
});
