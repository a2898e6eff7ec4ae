import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../support/agent.ts";
import { script, temporary } from "../support/hooks.ts";
import { Outside, withoutOutside } from "../support/outside.ts";
import { overUnix } from "../support/over_unix.ts";
import { ask } from "../support/raw.ts";

/** Who may call: fault 6, any process in the guest, is here. */
export function callers(target: Target): void {
  describe(`callers on ${target}`, () => {
    const directory = temporary();
    const socket = join(directory.path, "lull.sock");
    const token = join(directory.path, "token");
    let agent: TestAgent;
    before(async () => {
      agent = await TestAgent.start(target, [
        "--guest-calls=refuse",
        "--listen=[::]:0",
        `--listen=unix:${socket}`,
      ]);
    });
    after(async () => {
      await agent?.stop();
      directory.remove();
    });

    function prepareAt(host: string, headers: Record<string, string> = {}) {
      const path = "/snapshot/prepare";
      return ask(agent.port, "POST", path, "", headers, host);
    }

    async function state(): Promise<string> {
      return (await agent.status()).state;
    }

    test("a program in the guest gets 403 over every address", async () => {
      const addresses = () =>
        Object.values(networkInterfaces()).flatMap((all = []) =>
          all.map(({ address, scopeid }) =>
            scopeid ? `${address}%${scopeid}` : address
          )
        );
      const own = addresses().filter((address) => !address.startsWith("fe80"));
      for (const address of ["127.0.0.1", "127.9.8.7", "::1", ...own]) {
        const reply = await prepareAt(address).catch((error) => {
          if (!own.includes(address) || addresses().includes(address)) {
            throw error;
          }
        });
        // The interface of another test has gone meanwhile.
        if (reply === undefined) continue;
        assert.equal(reply.status, 403, address);
        const { type } = reply.json<{ type: string }>();
        assert.equal(type, "urn:lull:problem:guest-call");
      }
      const { status } = await agent.ask("POST", "/snapshot/recover");
      assert.equal(status, 403);
      assert.equal(await state(), "running");
    });

    test("what it says of itself does not help it", async () => {
      for (const header of ["host", "x-forwarded-for", "forwarded"]) {
        const reply = await prepareAt("127.0.0.1", { [header]: "192.0.2.1" });
        assert.equal(reply.status, 403, header);
      }
    });

    test("the owner of the unix socket goes a whole round", async () => {
      for (let round = 0; round < 2; round++) {
        const path = "/snapshot/prepare?wait=settled";
        const reply = await overUnix(socket, "POST", path);
        assert.equal(reply.status, 200, reply.body);
        const health = await overUnix(socket, "GET", "/health");
        assert.match(health.body, /"state":"running"/);
      }
      const plain = await overUnix(socket, "POST", "/snapshot/prepare");
      assert.equal(plain.status, 204);
      assert.equal((await overUnix(socket, "GET", "/health")).status, 200);
    });

    test("health from inside the guest recovers nothing", async () => {
      await overUnix(socket, "POST", "/snapshot/prepare?wait=settled");
      const health = await ask(agent.port, "GET", "/health", "", {
        "lull-host-time": "1",
      });
      assert.equal(health.status, 200);
      assert.equal(health.json<{ state: string }>().state, "quiesced");
      assert.equal(await state(), "quiesced");
      await overUnix(socket, "GET", "/health");
      assert.equal(await state(), "running");
    });

    test("a page in a browser controls nothing", async () => {
      const open = await TestAgent.start(target);
      try {
        for (const origin of ["http://lull", "null"]) {
          const path = "/snapshot/prepare";
          const reply = await open.ask("POST", path, "", { origin });
          assert.equal(reply.status, 403);
        }
        assert.equal((await open.status()).state, "running");
      } finally {
        await open.stop();
      }
    });

    test(
      "the host gets through, and its own address does not matter",
      { skip: withoutOutside() },
      () => {
        using outside = new Outside(target.length);
        const { port } = agent;
        assert.equal(outside.ask(port, "POST", "/snapshot/prepare"), 204);
        assert.equal(outside.ask(port, "GET", "/health"), 200);
        const origin = "Origin: http://lull";
        const path = "/snapshot/recover";
        assert.equal(outside.ask(port, "POST", path, origin), 403);
        assert.equal(outside.ask(port, "POST", path), 200);
      },
    );

    test("with a token only the token does, and it may change", async () => {
      script(token, "first\n", 0o600);
      const locked = await TestAgent.start(target, [`--token-file=${token}`]);
      const status = async (headers: Record<string, string>) =>
        (await locked.ask("GET", "/snapshot", "", headers)).status;
      try {
        for (const path of ["/snapshot", "/metrics", "/openapi.json", "/no"]) {
          const reply = await locked.ask("GET", path);
          assert.equal(reply.status, 401, path);
          assert.equal(reply.headers.get("www-authenticate"), "Bearer");
        }
        const prepare = "/snapshot/prepare";
        assert.equal((await locked.ask("POST", prepare)).status, 401);
        assert.equal((await locked.health()).status, 200);
        const first = { authorization: "Bearer first" };
        assert.equal(await status(first), 200);
        assert.equal(await status({ "x-access-token": "first" }), 200);
        assert.equal(await status({ authorization: "Bearer firs" }), 401);
        assert.equal(
          (await locked.ask("POST", prepare, "", first)).status,
          204,
        );
        assert.equal((await locked.health()).status, 200);
        renameSync(script(`${token}.new`, "second", 0o600), token);
        assert.equal(await status(first), 401);
        assert.equal(await status({ authorization: "Bearer second" }), 200);
        assert.ok(!/first|second/.test(locked.output));
      } finally {
        await locked.stop();
      }
    });
  });
}
