import assert from "node:assert/strict";
import type { StatsFs } from "node:fs";
import { describe, test } from "node:test";
import { filesystemSize } from "../../src/linux/filesystem_size.ts";

describe("the size of a filesystem", () => {
  test("is what the kernel says", async () => {
    const size = await filesystemSize("/", 30_000);
    assert.ok(size!.blocks >= size!.bfree);
    await assert.rejects(filesystemSize("/no/such", 30_000), /ENOENT/);
  });

  test("is not asked for again until the filesystem has answered", async () => {
    const answer = Promise.withResolvers<StatsFs>();
    let asked = 0;
    const ask = () => {
      asked++;
      return answer.promise;
    };
    const size = () => filesystemSize("/mnt", 10, "254:77", ask);
    assert.equal(await size(), undefined);
    assert.deepEqual(await Promise.all([size(), size()]), [
      undefined,
      undefined,
    ]);
    assert.equal(asked, 1);
    const said = { blocks: 7 } as StatsFs;
    answer.resolve(said);
    await answer.promise;
    assert.equal(await size(), said);
    assert.equal(asked, 2);
  });
});
