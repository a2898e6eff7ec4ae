/**
 * POST /init of E2B on a lifecycle of fakes, where a wrong time sets no clock.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { temporary } from "../../support/hooks.ts";
import { type DialectApp, dialectApp } from "../dialect_app.ts";

let directory: ReturnType<typeof temporary>;
let e2b: DialectApp;
beforeEach(async () => {
  directory = temporary();
  e2b = await dialectApp("e2b", directory.path, [{
    name: "workload",
    quiesce: () => ({
      effect: {},
      undo: () => Promise.resolve({ audit: { frozen: 3 } }),
    }),
  }]);
});
afterEach(() => directory.remove());

function init(
  fields: Readonly<Record<string, unknown>>,
  more: Omit<RequestInit, "method" | "body"> = {},
): Promise<Response> {
  return e2b.ask("/init", {
    ...{ method: "POST", body: JSON.stringify(fields) },
    ...more,
  });
}

/** A time that is off by this much. */
function at(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString();
}

function variables(): string {
  return readFileSync(join(directory.path, "env"), "utf8");
}

const YEAR = 31_536_000;

test("a host clock that was far ahead does not lock out the true one", async () => {
  const times = [0, 50 * YEAR, 50 * YEAR + 1, 2, 60 * YEAR, 4];
  for (const [index, seconds] of times.entries()) {
    const { status } = await init({
      ...{ timestamp: at(seconds), envVars: { CALL: String(index) } },
    });
    assert.equal(status, 204);
    assert.equal(variables(), `CALL="${index}"\n`, `${seconds} s`);
  }
  // The clock is set to each time that is off, and back.
  const set = e2b.requests.map(({ hostTime }) =>
    Math.round((hostTime! - Date.now()) / YEAR / 1000)
  );
  assert.deepEqual(set, [50, 50, 0, 60, 0]);
});

test("a call from before the last one is stale, whatever the clock was meanwhile", async () => {
  const stale = async (seconds: number) => {
    const reply = await init({
      ...{ timestamp: at(seconds), envVars: { STALE: "1" } },
    });
    assert.equal(reply.status, 204);
    assert.doesNotMatch(variables(), /STALE/, `${seconds} s`);
  };
  await init({ timestamp: at(0), envVars: { A: "1" } });
  for (const seconds of [-1, -3600, -20 * YEAR]) await stale(seconds);
  await init({ timestamp: at(3 * YEAR), envVars: { A: "2" } });
  for (const seconds of [3 * YEAR - 5, -1, -YEAR]) await stale(seconds);
});

test("the audit of a freeze is in the replies after it, because a host sends a call again", async () => {
  const audit = async () => (await init({})).headers.get("x-envd-freeze-audit");
  assert.equal(await audit(), null);
  for (const endedBy of ["init", "lease"] as const) {
    await e2b.ask("/freeze", { method: "POST" });
    if (endedBy === "lease") await e2b.lifecycle.recover({ trigger: "lease" });
    assert.equal(await audit(), '{"frozen":3}', endedBy);
    assert.equal(await audit(), '{"frozen":3}', endedBy);
  }
});

test("a token that is no text of Unicode is refused, and nothing is thawed", async () => {
  await e2b.ask("/freeze", { method: "POST" });
  const { status } = await e2b.ask("/init", {
    ...{ method: "POST", body: String.raw`{"accessToken":"\ud800"}` },
  });
  assert.equal(status, 400);
  assert.equal(e2b.lifecycle.state, "quiesced");
});

test("a token in a header is the same as in a body, whatever its characters", async () => {
  const accessToken = "clé-\u{1f511}";
  assert.equal((await init({ accessToken })).status, 204);
  const header = String.fromCharCode(...new TextEncoder().encode(accessToken));
  for (const [token, status] of [[header, 204], ["cl\xe9", 401]] as const) {
    const reply = await init({}, { headers: { "x-access-token": token } });
    assert.equal(reply.status, status);
  }
});
