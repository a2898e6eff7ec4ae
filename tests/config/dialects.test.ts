import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDialect } from "../../src/config/dialects.ts";
import { refused, serve } from "./parsing.ts";

test("a dialect is a name, with or without the address of a listener of its own", () => {
  assert.deepEqual(parseDialect("e2b"), { name: "e2b" });
  assert.deepEqual(parseDialect("wrenn@127.0.0.1:0"), {
    name: "wrenn",
    at: { host: "127.0.0.1", port: 0 },
  });
  assert.deepEqual(parseDialect("e2b@vsock:5"), {
    name: "e2b",
    at: { vsockPort: 5 },
  });
  for (const text of ["", "e3b", "e2b@", "e2b@1", "E2B", "e2b@a:1@b:2"]) {
    assert.equal(parseDialect(text), undefined, text);
  }
});

test("an unknown dialect is refused with the known ones", () => {
  assert.match(
    refused(["--dialects=e3b"]),
    /^Cannot use --dialects: expected a list of names \(wrenn, e2b.*\) or NAME@ADDRESS, got "e3b"$/,
  );
});

test("wrenn and e2b cannot share a listener", () => {
  const line =
    "Cannot use the dialects wrenn and e2b on one listener: both answer POST /init and GET /metrics; give one a listener of its own, for example --dialects=wrenn,e2b@0.0.0.0:49984";
  assert.equal(refused(["--dialects=wrenn,e2b"]), line);
  assert.equal(
    refused(["--dialects=wrenn@127.0.0.1:1,e2b@127.0.0.1:1"]),
    line,
  );
  for (
    const apart of [
      ["wrenn", "e2b@127.0.0.1:1"],
      ["wrenn@127.0.0.1:1", "e2b"],
      ["e2b", "e2b@127.0.0.1:1"],
    ]
  ) {
    assert.deepEqual(serve([`--dialects=${apart.join()}`]).dialects, apart);
  }
});
