import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OUTPUT } from "../../src/hooks/output.ts";
import { FREEZE } from "../support/hooks.ts";
import { until } from "../support/until.ts";
import { served } from "./asking.ts";

const { ask, send, server } = served();

/** A program that reads events, as one by one as they come. */
async function listener(query: string) {
  const response = await send("GET", `/hooks/events?${query}`);
  let text = "";
  response.on("data", (part) => text += part);
  response.on("error", () => {});
  await until("the registration", () => text.startsWith(": registered"));
  return {
    response,
    events: () =>
      [...text.matchAll(/event: (\w+)\nid: (\w+)\ndata: (.*)\n\n/g)]
        .map(([, event, id, data]) => ({ event, id, data: JSON.parse(data) })),
    end: () => response.destroy(),
  };
}

const hookNamed = (name: string) =>
  server().registry.hooks().find((hook) => hook.name === name)!;

describe("reading events", () => {
  test("each is acknowledged by its id", async () => {
    const app = await listener("name=app&limitMs=2000&policy=continue");
    const hook = hookNamed("app");
    assert.deepEqual([hook.limitMs, hook.policy], [2000, "continue"]);
    const call = hook.call(FREEZE, { limitMs: 2000 });
    const { event, id, data } = await until("the event", () => app.events()[0]);
    assert.deepEqual([event, data], ["freeze", { id, ...FREEZE }]);
    assert.equal((await ask("POST", `/hooks/events/${id}/ack`)).status, 204);
    assert.equal((await call).status, "done");
    // no call waits for it any more
    assert.equal((await ask("POST", `/hooks/events/${id}/ack`)).status, 404);
    app.end();
    await until(
      "it to be forgotten",
      () => server().registry.list().length === 0,
    );
  });

  test("a program may say that it cannot", async () => {
    const app = await listener("name=app");
    const call = hookNamed("app").call(FREEZE, { limitMs: 2000 });
    const { id } = await until("the event", () => app.events()[0]);
    await ask("POST", `/hooks/events/${id}/ack`, { error: "busy" });
    const { status, reason, [OUTPUT]: output } = await call;
    assert.deepEqual([status, reason, output], [
      "failed",
      "the program reported an error",
      "busy",
    ]);
    app.end();
    await until(
      "it to be forgotten",
      () => server().registry.list().length === 0,
    );
  });

  test("one that does not answer is waited for until its limit", async () => {
    const app = await listener("name=app");
    const result = await hookNamed("app").call(FREEZE, { limitMs: 100 });
    assert.deepEqual([result.status, result.reason], [
      "timeout",
      "not done within 100 ms",
    ]);
    app.end();
    await until(
      "it to be forgotten",
      () => server().registry.list().length === 0,
    );
  });

  test("one that dies is not waited for, and may come back for the thaw", async () => {
    const app = await listener("name=app");
    const hook = hookNamed("app");
    const call = hook.call(FREEZE, { limitMs: 5000 });
    await until("the event", () => app.events().length);
    app.end();
    const result = await call;
    assert.equal(result.status, "gone");
    const thaw = { ...FREEZE, phase: "thaw" as const };
    assert.equal((await hook.call(thaw, { limitMs: 5000 })).status, "gone");

    const back = await listener("name=app");
    const thawed = hook.call(thaw, { limitMs: 5000 });
    const { event, id } = await until("the thaw", () => back.events()[0]);
    assert.equal(event, "thaw");
    await ask("POST", `/hooks/events/${id}/ack`);
    assert.equal((await thawed).status, "done");
    back.end();
    await until(
      "it to be forgotten",
      () => server().registry.list().length === 0,
    );
  });

  test("a name is one program's at a time", async () => {
    const app = await listener("name=app");
    const second = await ask("GET", "/hooks/events?name=app");
    assert.equal(second.status, 409);
    assert.equal(second.json().type, "urn:lull:problem:hook-taken");
    const url = "http://127.0.0.1:1/";
    assert.equal(
      (await ask("POST", "/hooks", { name: "app", url })).status,
      409,
    );
    assert.equal((await ask("GET", "/hooks/events?name=")).status, 400);
    assert.equal(
      (await ask("GET", "/hooks/events?name=b&limitMs=x")).status,
      400,
    );
    app.end();
    await until(
      "it to be forgotten",
      () => server().registry.list().length === 0,
    );
  });
});
