import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  readResolver,
  withServers,
  writeResolver,
} from "../../src/linux/resolver.ts";

describe("the resolver's file", () => {
  let directory = "";
  before(() =>
    void (directory = mkdtempSync(join(tmpdir(), "lull-resolver-")))
  );
  after(() => rmSync(directory, { recursive: true }));

  it("keeps its other settings", () => {
    assert.equal(
      withServers(
        "search a\n nameserver 1.1.1.1\nnameserver\t::1\noptions ndots:1",
        ["9.9.9.9"],
      ),
      "search a\noptions ndots:1\nnameserver 9.9.9.9\n",
    );
    assert.equal(withServers(undefined, ["::1"]), "nameserver ::1\n");
  });

  it("is replaced whole, also behind a link, with its mode", () => {
    const real = join(directory, "real");
    const link = join(directory, "resolv.conf");
    writeFileSync(real, "old\n");
    chmodSync(real, 0o640);
    symlinkSync("real", link);
    const { ino } = statSync(real);
    writeResolver(link, "new\n");
    assert.equal(readFileSync(real, "utf8"), "new\n");
    assert.equal(lstatSync(link).isSymbolicLink(), true);
    assert.notEqual(statSync(real).ino, ino);
    assert.equal(statSync(real).mode & 0o777, 0o640);
    assert.deepEqual(readdirSync(directory).sort(), ["real", "resolv.conf"]);
  });

  it("may be missing before and after", () => {
    const path = join(directory, "missing");
    assert.equal(readResolver(path), undefined);
    writeResolver(path, "new\n");
    assert.equal(readResolver(path), "new\n");
    writeResolver(path, undefined);
    assert.equal(readResolver(path), undefined);
  });
});
