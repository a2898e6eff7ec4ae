import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, statSync, writeFileSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import {
  HookRegistry,
  type Listed,
  MOST_PROGRAMS,
} from "../../src/hooks/registry.ts";
import { listenForHooks } from "../../src/hooks/socket.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import { FREEZE, listeningRegistry, temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

const directory = temporary();
const socketPath = join(directory.path, "hooks.sock");
let server: Awaited<ReturnType<typeof listeningRegistry>>;
before(async () => server = await listeningRegistry(socketPath));
after(async () => {
  await server.socket.close();
  directory.remove();
});

function send(
  method: string,
  path: string,
  body?: string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({
      socketPath,
      method,
      path,
      agent: false,
      headers: body === undefined ? {} : { "content-length": body.length },
    }, resolve).on("error", reject).end(body);
  });
}

async function ask(method: string, path: string, body?: unknown) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await send(method, path, body === undefined ? body : text);
  let answer = "";
  for await (const part of response) answer += part;
  return {
    status: response.statusCode,
    type: response.headers["content-type"],
    allow: response.headers.allow,
    text: answer,
    // deno-lint-ignore no-explicit-any
    json: (): any => JSON.parse(answer),
  };
}

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
  server.registry.hooks().find((hook) => hook.name === name)!;

describe("registering for requests", () => {
  const entry = { name: "db", url: "http://127.0.0.1:1/x", policy: "continue" };

  test("creates, replaces, lists, removes", async () => {
    assert.equal((await ask("POST", "/hooks", entry)).status, 201);
    const again = await ask("POST", "/hooks", { ...entry, limitMs: 50 });
    assert.equal(again.status, 200);
    const { hooks } = (await ask("GET", "/hooks")).json();
    assert.deepEqual(hooks, [{
      name: "db",
      kind: "request",
      url: entry.url,
      limitMs: 50,
      policy: "continue",
      source: "program",
    }]);
    assert.equal((await ask("DELETE", "/hooks/db")).status, 204);
    const gone = await ask("DELETE", "/hooks/db");
    assert.equal(gone.status, 404);
    assert.equal(gone.type, "application/problem+json");
    assert.equal(gone.json().type, "urn:lull:problem:unknown-hook");
  });

  test("a wrong entry is refused with the path, and never echoed", async () => {
    for (
      const [body, path, expected] of [
        [{ ...entry, url: "http://example.com/" }, "url", /loopback/],
        [{ ...entry, name: "a/b" }, "name", /letters/],
        [{ ...entry, limitMs: 0 }, "limitMs", />=1/],
        [{ ...entry, policy: "maybe" }, "policy", /abort/],
        [{ ...entry, extra: "secret" }, "", /no other fields/],
        [{ url: entry.url }, "", /required/],
        ["{", "", /./],
      ] as const
    ) {
      const refused = await ask("POST", "/hooks", body);
      assert.equal(refused.status, 400, JSON.stringify(body));
      const [error] = refused.json().errors;
      assert.equal(error.path, path, refused.text);
      assert.match(error.expected, expected);
      assert.doesNotMatch(refused.text, /secret|extra|example|maybe/);
    }
    assert.deepEqual((await ask("GET", "/hooks")).json().hooks, []);
  });

  test("too large, unknown and wrong methods are problems", async () => {
    const large = await ask("POST", "/hooks", " ".repeat(20_000));
    assert.equal(large.status, 413);
    assert.equal((await ask("GET", "/nothing")).status, 404);
    const wrong = await ask("PUT", "/hooks", entry);
    assert.deepEqual([wrong.status, wrong.allow], [405, "GET, POST"]);
    assert.equal((await ask("POST", "/hooks/events/no/ack")).status, 404);
    assert.deepEqual(server.errors, []);
  });

  test("there is an end to how many take part", () => {
    const registry = new HookRegistry({ limitMs: 9, newId: () => "id" });
    const add = (name: string) =>
      registry.register({ name, url: entry.url, policy: "abort" });
    for (let i = 0; i < MOST_PROGRAMS; i++) {
      assert.equal(add(`p${i}`), "created");
    }
    assert.equal(add("one-more"), "full");
    assert.equal(add("p0"), "replaced");
  });

  test("entries of the configuration stay", () => {
    const make = (fixed: unknown[]) =>
      new HookRegistry({ limitMs: 9, newId: () => "id", fixed });
    const registry = make([entry]);
    const listed: Listed = {
      name: "db",
      kind: "request",
      url: entry.url,
      limitMs: 9,
      policy: "continue",
      source: "config",
    };
    assert.deepEqual(registry.list(), [listed]);
    assert.equal(registry.remove("db"), "taken");
    assert.equal(
      registry.register({ name: "db", url: entry.url, policy: "abort" }),
      "taken",
    );
    assert.throws(() => make([{ ...entry, url: "http://h/" }]), {
      name: "TypeError",
      message: /^Cannot use hook .*: url must be http:\/\/ and a loopback/,
    });
    assert.throws(() => make([entry, entry]), /there are two of that name/);
  });
});

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
    // nobody waits for it any more
    assert.equal((await ask("POST", `/hooks/events/${id}/ack`)).status, 404);
    app.end();
    await until(
      "it to be forgotten",
      () => server.registry.list().length === 0,
    );
  });

  test("a program may say that it cannot", async () => {
    const app = await listener("name=app");
    const call = hookNamed("app").call(FREEZE, { limitMs: 2000 });
    const { id } = await until("the event", () => app.events()[0]);
    await ask("POST", `/hooks/events/${id}/ack`, { error: "busy" });
    const { status, reason } = await call;
    assert.deepEqual([status, reason], ["failed", "busy"]);
    app.end();
    await until(
      "it to be forgotten",
      () => server.registry.list().length === 0,
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
      () => server.registry.list().length === 0,
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
      () => server.registry.list().length === 0,
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
      () => server.registry.list().length === 0,
    );
  });
});

describe("the socket", () => {
  const runtime = loadRuntime();
  const options = async (path: string) => ({
    runtime: await runtime,
    path,
    fetch: () => new Response(null, { status: 204 }),
    onError: (error: unknown) => assert.fail(String(error)),
  });

  test("is for its owner and group only", () => {
    assert.equal(statSync(socketPath).mode & 0o777, 0o660);
  });

  test("is not taken from another agent", async () => {
    await assert.rejects(listenForHooks(await options(socketPath)), {
      message: `Cannot listen on unix:${socketPath}: EADDRINUSE`,
    });
  });

  test("replaces what a killed agent left, and nothing else", async () => {
    const path = join(directory.path, "stale.sock");
    const listen = `import { createServer } from "node:net";
      createServer().listen(process.argv.at(-1));`;
    const dead = spawn(
      process.execPath,
      "deno" in process.versions
        ? ["eval", listen, path]
        : ["-e", listen, path],
      { stdio: "ignore" },
    );
    await until("the socket file", () => existsSync(path), 10_000);
    const ended = new Promise((resolve) => dead.once("exit", resolve));
    dead.kill("SIGKILL");
    await ended;
    const socket = await listenForHooks(await options(path));
    await new Promise((resolve) => connect(path, () => resolve(undefined)));
    await socket.close();
    assert.ok(!existsSync(path));
    writeFileSync(path, "precious");
    await assert.rejects(
      listenForHooks(await options(path)),
      /and is no socket$/,
    );
  });

  test("cannot be made where there is no directory", async () => {
    await assert.rejects(
      listenForHooks(await options(join(directory.path, "no/hooks.sock"))),
      /^Error: Cannot listen on .*: (ENOENT|EACCES|EINVAL)$/,
    );
  });
});
