/**
 * The token of E2B's host: the first one is kept, and the metadata service decides if there is one.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { E2B, init } from "./e2b.ts";

/** Firecracker's metadata service, version 2. */
class Metadata {
  /** The token of which the service has the hash; undefined if it has none. */
  token: string | undefined;
  readonly #server: Server = createServer((request, response) => {
    const { method, url, headers } = request;
    if (method === "PUT" && url === "/latest/api/token") {
      response.end(headers["x-metadata-token-ttl-seconds"] ? "session" : "");
    } else if (headers["x-metadata-token"] === "session" && url === "/") {
      const accessTokenHash = this.token === undefined
        ? undefined
        : createHash("sha512").update(this.token).digest("hex");
      response.end(JSON.stringify({ instanceID: "i", accessTokenHash }));
    } else response.writeHead(401).end();
  });

  async start(): Promise<void> {
    await new Promise<void>((resolve) =>
      this.#server.listen(0, "127.0.0.1", resolve)
    );
  }

  get address(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

function shown(token: string): Record<string, string> {
  return { "x-access-token": token };
}

/** Declares the tests of the token for one target. */
export function e2bTokens(target: Target): void {
  describe(`the token of e2b on ${target}`, () => {
    const metadata = new Metadata();
    before(() => metadata.start());
    after(() => metadata.stop());

    test("the first one is kept, and guards all of E2B's routes but health", async () => {
      await using agent = await TestAgent.start(target, E2B);
      assert.equal((await agent.ask("GET", "/metrics")).status, 200);
      assert.equal((await init(agent, { accessToken: "one" })).status, 204);
      const posts = [
        ...["/freeze", "/unfreeze", "/fsfreeze", "/fsthaw", "/collapse"],
        "/init",
      ];
      for (const headers of [{}, shown("two")]) {
        const statuses = [
          (await agent.ask("GET", "/metrics", "", headers)).status,
        ];
        for (const path of posts) {
          const reply = await agent.ask("POST", path, "", headers);
          assert.equal(reply.headers.get("x-envd-version"), "0.6.6");
          statuses.push(reply.status);
        }
        assert.deepEqual(statuses, statuses.map(() => 401));
      }
      // The body is checked before the token.
      for (const body of ["{", '{"timestamp":"now"}']) {
        assert.equal((await agent.ask("POST", "/init", body)).status, 400);
      }
      assert.equal((await agent.health()).status, 204);
      assert.equal((await agent.status()).state, "running");

      const frozen = await agent.ask("POST", "/freeze", "", shown("one"));
      assert.equal(frozen.status, 204);
      for (const body of [{ accessToken: "two" }, {}]) {
        assert.equal((await init(agent, body)).status, 401);
        assert.equal((await agent.status()).state, "quiesced");
      }
      assert.equal((await init(agent, { accessToken: "one" })).status, 204);
      assert.equal((await agent.status()).state, "running");
      assert.equal((await init(agent, {}, shown("one"))).status, 204);
    });

    test("Lull's own token does not open E2B's routes, nor does E2B's open Lull's", async () => {
      await using agent = await TestAgent.start(target, [
        ...E2B,
        "--token-file=/dev/null",
      ]);
      assert.equal((await init(agent, { accessToken: "one" })).status, 204);
      const status = await agent.ask("GET", "/snapshot", "", shown("one"));
      assert.equal(status.status, 401);
      const { headers } = await agent.ask("POST", "/freeze");
      assert.equal(headers.get("x-envd-version"), "0.6.6");
    });

    test("the hash in the metadata service decides", async () => {
      await using agent = await TestAgent.start(target, [
        "--dialects=e2b",
        `--e2b-metadata=${metadata.address}`,
      ]);
      const take = async (accessToken?: string) =>
        (await init(agent, { accessToken })).status;
      metadata.token = "one";
      assert.deepEqual([await take("two"), await take()], [401, 401]);
      assert.equal(await take("one"), 204);
      // A fork gets a token of its own.
      metadata.token = "fork";
      const frozen = await agent.ask("POST", "/freeze", "", shown("one"));
      assert.equal(frozen.status, 204);
      assert.equal(await take("two"), 401);
      assert.equal((await agent.status()).state, "quiesced");
      assert.equal(await take("fork"), 204);
      assert.equal((await agent.status()).state, "running");
      const former = await agent.ask("POST", "/freeze", "", shown("one"));
      assert.equal(former.status, 401);
      // Without a hash, the kept token stays; the hash of no text forgets it.
      metadata.token = undefined;
      assert.deepEqual([await take("two"), await take()], [401, 401]);
      metadata.token = "";
      assert.equal(await take(), 204);
      assert.equal((await agent.ask("GET", "/metrics")).status, 200);
    });
  });
}
