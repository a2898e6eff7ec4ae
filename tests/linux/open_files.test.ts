import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { openFilesLimit } from "../../src/linux/open_files.ts";
import { temporary } from "../support/hooks.ts";

describe("openFilesLimit", () => {
  const directory = temporary();
  const path = join(directory.path, "limits");
  after(() => directory.remove());

  const readsLine = (line: string): number | undefined => {
    writeFileSync(
      path,
      "Limit                     Soft Limit  Hard Limit  Units     \n" +
        `Max processes             94000       94000       processes \n${line}`,
    );
    return openFilesLimit(path);
  };

  test("is what a shell of this process says", () => {
    const { stdout } = spawnSync("sh", ["-c", "ulimit -Sn"]);
    const said = String(stdout).trim();
    assert.equal(
      openFilesLimit(),
      said === "unlimited" ? 1_048_576 : Math.min(Number(said), 1_048_576),
    );
  });

  test("is the soft one, and has an end", () => {
    const rest = "4096        files     \n";
    assert.equal(
      readsLine(`Max open files            1024        ${rest}`),
      1024,
    );
    const most = readsLine(`Max open files            unlimited   ${rest}`);
    assert.equal(most, 1_048_576);
  });

  test("is unknown where the kernel does not tell", () => {
    assert.equal(readsLine(""), undefined);
    assert.equal(openFilesLimit(join(directory.path, "none")), undefined);
  });
});
