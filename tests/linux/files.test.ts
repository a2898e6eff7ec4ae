import assert from "node:assert/strict";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { after, describe, test } from "node:test";
import { libcFiles, nodeFiles } from "../../src/linux/files.ts";
import { temporary } from "../support/hooks.ts";
import { realLibc } from "../support/libc.ts";

const directory = temporary();
after(directory.remove);

for (const name of ["node", "libc"]) {
  describe(`the file calls of ${name}`, () => {
    const calls = async () =>
      name === "node" ? nodeFiles : libcFiles(await realLibc());

    test("write at the file's position, and rename", async () => {
      const { write, renamer } = await calls();
      const from = `${directory.path}/${name}.ä`;
      const to = `${directory.path}/${name}.to`;
      const file = openSync(from, "w");
      try {
        const bytes = new TextEncoder().encode("wörds");
        assert.equal(write(file, bytes), bytes.length);
        assert.equal(write(file, bytes), bytes.length);
      } finally {
        closeSync(file);
      }
      renamer(from, to)();
      assert.equal(readFileSync(to, "utf8"), "wördswörds");
      assert.ok(!existsSync(from));
    });

    test("fail by name where the kernel refuses", async () => {
      const { write, renamer } = await calls();
      const missing = `${directory.path}/missing`;
      assert.throws(renamer(missing, `${missing}.to`), (error) => {
        assert.match(String(error), /missing/);
        return (error as { code?: string }).code === "ENOENT";
      });
      const file = openSync("/dev/null", "r");
      try {
        assert.throws(() => write(file, Uint8Array.of(1)), { code: "EBADF" });
      } finally {
        closeSync(file);
      }
    });
  });
}

test("a libc without them leaves it to the runtime", () => {
  assert.equal(libcFiles({}), nodeFiles);
});
