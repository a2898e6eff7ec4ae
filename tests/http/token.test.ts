import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { chmodSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { TokenFile } from "../../src/http/token.ts";
import { script, temporary } from "../support/hooks.ts";

describe("the token", () => {
  let directory: ReturnType<typeof temporary>;
  let path: string;
  let said: string[];
  const log = {
    warn: (text: string, fields = {}) => said.push(text + shown(fields)),
    error: (text: string, fields = {}) => said.push(text + shown(fields)),
  };
  const shown = (fields: object) => ` ${JSON.stringify(fields)}`;

  beforeEach(() => {
    directory = temporary();
    said = [];
    path = script(join(directory.path, "token"), "right\n", 0o600);
  });
  afterEach(() => directory.remove());

  function shows(token: TokenFile, headers: Record<string, string>): boolean {
    return token.admits(new Headers(headers));
  }

  test("is shown in either header, exactly", () => {
    const token = new TokenFile(path, log);
    for (
      const [headers, admitted] of [
        [{ authorization: "Bearer right" }, true],
        [{ authorization: "bearer   right " }, true],
        [{ "x-access-token": "right" }, true],
        [{}, false],
        [{ authorization: "right" }, false],
        [{ authorization: "Basic right" }, false],
        [{ authorization: "Bearer" }, false],
        [{ authorization: "Bearer wrong" }, false],
        [{ authorization: "Bearer right right" }, false],
        [{ "x-access-token": "" }, false],
        [{ "x-access-token": "righ" }, false],
        [{ "x-access-token": "rightt" }, false],
        [{ "x-access-token": "right, right" }, false],
        [{ authorization: "Bearer wrong", "x-access-token": "right" }, false],
        [{ authorization: "Basic eA==", "x-access-token": "right" }, true],
      ] as [Record<string, string>, boolean][]
    ) {
      assert.equal(shows(token, headers), admitted, JSON.stringify(headers));
    }
  });

  test("may have any bytes, and is compared byte by byte", () => {
    const bytes = (text: string) => Buffer.from(text, "latin1");
    for (const word of ["cl\xc3\xa9", "cl\xe9", "\xa0\xff\x85"]) {
      writeFileSync(path, bytes(`${word}\r\n`));
      const token = new TokenFile(path, log);
      assert.ok(shows(token, { "x-access-token": word }));
      assert.ok(shows(token, { authorization: `Bearer ${word}` }));
      for (const other of ["cl\xea", "\xef\xbf\xbd", "\xff", "cl"]) {
        assert.ok(!shows(token, { "x-access-token": other }), other);
      }
    }
  });

  test("is read again when its file is replaced or rewritten", () => {
    const token = new TokenFile(path, log);
    const next = script(join(directory.path, "next"), "newer", 0o600);
    renameSync(next, path);
    assert.ok(!shows(token, { "x-access-token": "right" }));
    assert.ok(shows(token, { "x-access-token": "newer" }));
    writeFileSync(path, "newest");
    assert.ok(shows(token, { "x-access-token": "newest" }));
    assert.ok(!shows(token, { "x-access-token": "newer" }));
  });

  test("admits no caller while its file is missing or empty, and logs that once", () => {
    const token = new TokenFile(path, log);
    unlinkSync(path);
    for (const value of ["right", "", "undefined"]) {
      assert.ok(!shows(token, { "x-access-token": value }));
    }
    assert.equal(said.length, 1);
    script(path, " \n", 0o600);
    assert.ok(!shows(token, { "x-access-token": "right" }));
    assert.ok(!shows(token, { "x-access-token": "" }));
    script(path, "right", 0o600);
    assert.ok(shows(token, { "x-access-token": "right" }));
  });

  test("may be missing at first: nothing is admitted until it is there", () => {
    unlinkSync(path);
    const token = new TokenFile(path, log);
    assert.match(said.join(), /^the token file cannot be read.*"ENOENT"/);
    for (const value of ["right", "", "undefined"]) {
      assert.ok(!shows(token, { "x-access-token": value }));
    }
    assert.equal(said.length, 1);
    script(path, "", 0o600);
    assert.ok(!shows(token, { "x-access-token": "right" }));
    assert.match(said.at(-1) ?? "", /it is empty/);
    script(path, "right", 0o600);
    assert.ok(shows(token, { "x-access-token": "right" }));
    assert.equal(said.length, 2);
  });

  test("is told of if others may read it, and never said", () => {
    chmodSync(path, 0o644);
    const token = new TokenFile(path, log);
    shows(token, { authorization: "Bearer wrong" });
    assert.match(said.at(-1) ?? "", /others than its owner.*"mode":"644"/);
    assert.ok(!said.some((line) => /right|wrong/.test(line)));
  });
});
