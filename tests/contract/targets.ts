import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { Raw, type RawResponse } from "../support/raw.ts";

/** Values of Host: none, and such as no URL can hold. */
const HOSTS = [
  undefined,
  ...["", "lull", "lull:80", "[::1]:49983", "a b", "a, b", "/x", "?x", "#x"],
  ...["x/health", "aaaaaaa/", "a\\b", "@", "u:p@h", "[bad", ":80", "*", "."],
  ...["lull:99999", "lull:abc", "http://x", "%41", "h\u00e9", "<", "0x7f.1"],
];

/** What may stand in place of a path (RFC 9112, 3.2), and the status of its GET. */
const TARGETS: readonly (readonly [string, number])[] = [
  ["/health", 200],
  ["/health?x", 200],
  ["/health?", 200],
  ["/health?a=http://x/y", 200],
  ["/health#x", 200],
  ["/%68ealth", 200],
  ["/./health", 200],
  ["/a/../health", 200],
  ["/../health", 200],
  ["/%2e/health", 200],
  ["http://lull/health", 200],
  ["http://elsewhere:99/health?x", 200],
  ["http://user:word@lull/health", 200],
  ["http://[bad/health", 200],
  ["HTTP://lull/health", 200],
  ["https://lull/health", 200],
  ["http://lull", 404],
  ["http://lull/", 404],
  ["/", 404],
  ["//health", 404],
  ["///health", 404],
  ["/\\health", 404],
  ["//lull/health", 404],
  ["/http://lull/health", 404],
  ["/aaaaaaa/health", 404],
  ["/health/", 404],
  ["/health/.", 404],
  ["/health%2f", 404],
  ["/health%", 404],
  ["/health;x", 404],
  ["/health%20", 404],
  ["/HEALTH", 404],
  ["/%00", 404],
  ['/"<>`{}|^', 404],
  ["*", 400],
  ["health", 400],
  ["?health", 400],
  ["lull:80", 400],
  ["ftp://lull/health", 400],
];

/** What a request line and a Host may say: each target answers the same. */
export function targets(target: Target): void {
  describe(`request targets on ${target}`, () => {
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target, ["--no-forward-ports"]);
    });
    after(async () => {
      await agent?.stop();
    });

    /** One request, as it is written here. */
    async function send(
      line: string,
      host: string | undefined,
      body = "",
    ): Promise<RawResponse> {
      const raw = await Raw.open(agent.port);
      try {
        raw.send(
          `${line}\r\n` +
            (host === undefined ? "" : `Host: ${host}\r\n`) +
            (body === "" ? "" : `Content-Length: ${body.length}\r\n`) +
            `Connection: close\r\n\r\n${body}`,
        );
        return await raw.response();
      } finally {
        raw.destroy();
      }
    }

    test("a request is the same without Host, and whatever Host says", async () => {
      for (const host of HOSTS) {
        // HTTP/1.1 without Host is an error (RFC 9112, 3.2).
        for (const version of host === undefined ? ["1.0"] : ["1.0", "1.1"]) {
          const status = async (target: string) =>
            (await send(`GET ${target} HTTP/${version}`, host)).status;
          const what = `HTTP/${version}, Host: ${host}`;
          assert.equal(await status("/health"), 200, what);
          assert.equal(await status("/health?x"), 200, what);
          assert.equal(await status("/snapshot"), 200, what);
          assert.equal(await status("/aaaaaaa/health"), 404, what);
          assert.equal(await status("/health/health"), 404, what);
          const path = "/snapshot/prepare";
          assert.equal(await status(path), 405, what);
          const wrong = await send(
            `POST ${path}?lease=soon HTTP/${version}`,
            host,
          );
          assert.equal(wrong.status, 400, what);
          assert.match(wrong.body, /"path":"lease"/, what);
          const body = '{"lease":-1}';
          const post = await send(`POST ${path} HTTP/${version}`, host, body);
          assert.equal(post.status, 400, what);
          assert.match(post.body, /more than 0 seconds/, what);
        }
      }
    });

    test("a request target is read as RFC 9112 says", async () => {
      const plain = (await send("GET /health HTTP/1.1", "lull")).body;
      for (const [target, expected] of TARGETS) {
        for (const [version, host] of [["1.1", "lull"], ["1.0", undefined]]) {
          const reply = await send(`GET ${target} HTTP/${version}`, host);
          const what = `GET ${target} HTTP/${version}`;
          assert.equal(reply.status, expected, what);
          if (expected === 200) assert.equal(reply.body, plain, what);
        }
      }
    });

    test("HTTP/1.0 without Host goes a whole round", async () => {
      const prepare = "POST /snapshot/prepare?wait=settled HTTP/1.0";
      const report = await send(prepare, undefined);
      assert.equal(report.status, 200, report.body);
      assert.equal((await agent.status()).state, "quiesced");
      const health = await send("GET /health HTTP/1.0", undefined);
      assert.match(health.body, /"state":"running"/);
      const { lastRecovery } = await agent.status();
      assert.equal(lastRecovery.trigger, "health");
    });

    test("a method without a path of ours is 404, TRACE is 405", async () => {
      const connect = await send("CONNECT lull:80 HTTP/1.1", "lull:80");
      assert.equal(connect.status, 404);
      for (const host of ["lull", ""]) {
        const trace = await send("TRACE /health HTTP/1.1", host);
        assert.equal(trace.status, 405);
        assert.equal(trace.headers.get("allow"), "GET, HEAD");
      }
    });

    test("HEAD has the headers of GET, its length among them", async () => {
      for (
        const path of [
          ...["/health", "/health?x", "/snapshot", "/openapi.json"],
          ...["/metrics", "/nowhere", "/snapshot/prepare"],
        ]
      ) {
        const get = await send(`GET ${path} HTTP/1.1`, "lull");
        const raw = await Raw.open(agent.port);
        raw.send(`HEAD ${path} HTTP/1.1\r\nHost: lull\r\n\r\n`);
        const head = await raw.head();
        assert.equal(head.status, get.status, path);
        const length = Number(head.headers.get("content-length"));
        // Counters grow from one call to the next.
        const slack = path === "/metrics" ? 8 : 0;
        assert.ok(Math.abs(length - get.body.length) <= slack, path);
        for (const name of ["content-type", "cache-control", "allow"]) {
          assert.equal(head.headers.get(name), get.headers.get(name), path);
        }
        // No byte of a body comes before the next reply.
        raw.request("GET", "/health");
        assert.equal((await raw.response()).status, 200, path);
        raw.destroy();
      }
    });
  });
}
