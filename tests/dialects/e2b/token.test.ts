import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { AccessToken } from "../../../src/dialects/e2b/token.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);

function hash(text: string): string {
  return createHash("sha512").update(text).digest("hex");
}

test("of two first tokens at the same time, one is kept", async () => {
  const answers: (() => void)[] = [];
  const token = new AccessToken(() =>
    new Promise((resolve) => answers.push(() => resolve(undefined)))
  );
  const both = [token.take(utf8("one")), token.take(utf8("two"))];
  for (const answer of answers) answer();
  assert.deepEqual(await Promise.all(both), [true, false]);
  assert.ok(token.admits(utf8("one")));
  assert.ok(
    !token.admits(utf8("two")) && !token.admits(utf8("")) &&
      !token.admits(undefined),
  );
});

test("the kept token asks no metadata service", async () => {
  let asked = 0;
  const token = new AccessToken(() => {
    asked++;
    return Promise.resolve(undefined);
  });
  assert.ok(token.admits(undefined), "before there is one");
  assert.ok(await token.take(utf8("one")));
  assert.ok(await token.take(utf8("one")));
  assert.equal(asked, 1);
});

test("a hash that does not match refuses the first token, too", async () => {
  let wanted: string | undefined = hash("host");
  const token = new AccessToken(() => Promise.resolve(wanted));
  assert.equal(await token.take(utf8("guest")), false);
  assert.equal(await token.take(undefined), false);
  assert.ok(await token.take(utf8("host")));
  wanted = hash("");
  assert.ok(await token.take(undefined));
  assert.ok(token.admits(undefined));
});
