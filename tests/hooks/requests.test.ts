import assert from "node:assert/strict";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { OUTPUT } from "../../src/hooks/output.ts";
import { postHook } from "../../src/hooks/requests.ts";
import { parseTarget } from "../../src/hooks/target.ts";
import { FREEZE, temporary } from "../support/hooks.ts";

test("only programs in this guest can be meant", () => {
  assert.deepEqual(parseTarget("http://127.0.0.1:81/a?b=1"), {
    host: "127.0.0.1",
    port: 81,
    path: "/a?b=1",
  });
  assert.deepEqual(parseTarget("http://[::1]/"), {
    host: "::1",
    port: 80,
    path: "/",
  });
  assert.deepEqual(parseTarget("http://localhost:8080"), {
    host: "127.0.0.1",
    port: 8080,
    path: "/",
  });
  assert.deepEqual(parseTarget("unix:/run/app.sock:/hook"), {
    socketPath: "/run/app.sock",
    path: "/hook",
  });
  assert.deepEqual(parseTarget("unix:/run/a:b.sock"), {
    socketPath: "/run/a:b.sock",
    path: "/",
  });
  for (
    const wrong of [
      "http://example.com/",
      "http://10.0.0.1/",
      "http://127.0.0.1.example.com/",
      "http://localhost.example.com/",
      "http://user@127.0.0.1/",
      "https://127.0.0.1/",
      "file:///etc/passwd",
      "unix:relative.sock:/x",
      "unix:/run/a.sock:/x y",
      "/hook",
      "",
    ]
  ) {
    assert.equal(parseTarget(wrong), undefined, wrong);
  }
});

describe("a request", () => {
  const directory = temporary();
  const servers: Server[] = [];
  const seen: {
    method?: string;
    url?: string;
    head: IncomingMessage;
    body: string;
  }[] = [];
  let port = 0;

  async function handle(request: IncomingMessage, response: ServerResponse) {
    let body = "";
    for await (const part of request) body += part;
    seen.push({
      method: request.method,
      url: request.url,
      head: request,
      body,
    });
    switch (request.url) {
      case "/busy":
        response.writeHead(503).end("pool is busy");
        break;
      case "/redirect":
        response.writeHead(302, { location: "/ok" }).end();
        break;
      case "/hang":
        break;
      case "/break":
        response.writeHead(200, { "content-length": 10 });
        response.write("half");
        setTimeout(() => response.destroy(), 20);
        break;
      default:
        response.writeHead(204).end();
    }
  }

  before(async () => {
    for (const where of [0, join(directory.path, "app.sock")]) {
      const server = createServer((q, r) => void handle(q, r));
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(where, resolve));
      if (where === 0) port = (server.address() as { port: number }).port;
    }
  });
  after(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    directory.remove();
  });
  const post = (path: string, limitMs = 2000, signal?: AbortSignal) =>
    postHook(parseTarget(`http://localhost:${port}${path}`)!, {
      ...FREEZE,
      operation: "öp 1%",
    }, { limitMs, signal });

  test("is an empty POST with the facts as headers", async () => {
    const result = await post("/ok");
    assert.deepEqual([result.status, result.httpStatus], ["done", 204]);
    const { method, url, head, body } = seen.at(-1)!;
    assert.deepEqual([method, url, body], ["POST", "/ok", ""]);
    assert.equal(head.headers["content-length"], "0");
    assert.equal(head.headers["lull-phase"], "freeze");
    assert.equal(head.headers["lull-operation"], "%C3%B6p 1%25");
    assert.equal(head.headers["lull-generation"], "7");
    assert.equal(head.headers["lull-kind"], "full");
    assert.equal(head.headers["lull-outcome"], undefined);
  });

  test("goes over a unix socket, too", async () => {
    const target = parseTarget(`unix:${directory.path}/app.sock:/app`)!;
    const result = await postHook(target, FREEZE, { limitMs: 2000 });
    assert.equal(result.status, "done", `${result.reason}`);
    assert.equal(seen.at(-1)!.url, "/app");
  });

  test("anything but 2xx is a failure, with what was answered", async () => {
    const busy = await post("/busy");
    assert.deepEqual(
      [busy.status, busy.httpStatus, busy.reason, busy[OUTPUT]],
      ["failed", 503, "the program replied 503", "pool is busy"],
    );
    assert.equal((await post("/redirect")).reason, "the program replied 302");
    assert.equal((await post("/break")).status, "failed");
  });

  test("a target without a program is a failure", async () => {
    const target = parseTarget(`unix:${directory.path}/none.sock:/`)!;
    const result = await postHook(target, FREEZE, { limitMs: 2000 });
    assert.equal(result.status, "failed");
    assert.match(result.reason!, /^Cannot post to \/.*none\.sock: ENOENT/);
    assert.equal(result.reached, false);
    const refused = await postHook(
      parseTarget("http://127.0.0.1:1/")!,
      FREEZE,
      { limitMs: 2000 },
    );
    assert.equal(refused.reached, false);
    assert.equal((await post("/break")).reached, undefined);
  });

  test("ends at its limit, and when it is given up", async () => {
    const late = await post("/hang", 100);
    assert.deepEqual([late.status, late.reason], [
      "timeout",
      "not done within 100 ms",
    ]);
    const giveUp = new AbortController();
    const given = post("/hang", 5000, giveUp.signal);
    setTimeout(() => giveUp.abort(), 20);
    assert.equal((await given).status, "aborted");
  });
});
