import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import {
  envFileOf,
  readEnvFile,
  writeEnvFile,
} from "../../src/identity/env_file.ts";
import { temporary } from "../support/hooks.ts";

const directory = temporary();
after(directory.remove);

/** Values with every character that is special to a shell or to systemd. */
const VARIABLES = {
  PLAIN: "value",
  EMPTY: "",
  BLANKS: "  a  b\tc ",
  QUOTES: `it's "quoted"`,
  SPECIAL: "$HOME `id` $(id) \\n \\ %h #x ;y &z !! ~ * ?",
  LINES: 'one\nTWO="2"\n\nthree\n',
  UNICODE: "naïve ☃ 🜁",
};

test("a shell reads exactly the values that were written", () => {
  const path = envFileOf(join(directory.path, "made", "now"));
  writeEnvFile(path, VARIABLES);
  const { stdout, status } = spawnSync("sh", [
    "-c",
    'set -a; . "$0"; exec env -0',
    path,
  ], { env: { PATH: "/usr/bin:/bin" }, encoding: "utf8" });
  assert.equal(status, 0);
  const read = Object.fromEntries(
    stdout.split("\0").filter(Boolean).map((line) => {
      const at = line.indexOf("=");
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
  for (const [name, value] of Object.entries(VARIABLES)) {
    assert.equal(read[name], value, name);
  }
  assert.equal(read.TWO, undefined);
  assert.equal(statSync(path).mode & 0o777, 0o644);
});

test("the agent reads what it wrote, and a new file replaces all variables", () => {
  const path = envFileOf(directory.path);
  assert.deepEqual(readEnvFile(path), {});
  writeEnvFile(path, VARIABLES);
  assert.deepEqual(readEnvFile(path), VARIABLES);
  writeEnvFile(path, { OTHER: "1" });
  assert.deepEqual(readEnvFile(path), { OTHER: "1" });
  writeEnvFile(path, {});
  assert.deepEqual(readEnvFile(path), {});
});

test("lines that are not of this format are ignored", () => {
  const path = join(directory.path, "foreign");
  writeFileSync(path, '# comment\nA=1\nB="2"\n1C="3"\nD="x\n');
  assert.deepEqual(readEnvFile(path), { B: "2" });
});
