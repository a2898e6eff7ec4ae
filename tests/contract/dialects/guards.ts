/**
 * Neither a program in the guest nor a page in a browser changes anything by a dialect.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { Outside, withoutOutside } from "../../support/outside.ts";
import { ask } from "../../support/raw.ts";
import { secondPort } from "./framework.ts";

const skip = withoutOutside();

const E2B_CALLS = [
  ...["/freeze?maxWaitMs=1", "/unfreeze", "/fsfreeze", "/fsthaw", "/collapse"],
  "/init",
];

/** Declares the tests of the callers of dialects for one target. */
export function guards(target: Target): void {
  const what = `callers of dialects on ${target}`;
  describe(`${what}${skip ? `: ${skip}` : ""}`, { skip }, () => {
    let outside: Outside;
    let agent: TestAgent;
    before(async () => {
      outside = new Outside(98);
      agent = await TestAgent.start(target, [
        ...["--guest-calls=refuse", "--listen=0.0.0.0:0"],
        ...["--dialects=e2b,wrenn@0.0.0.0:0", "--e2b-metadata="],
        "--no-forward-ports",
      ]);
    });
    after(async () => {
      await agent?.stop();
      outside?.end();
    });

    test("a program in the guest gets 403, with the token, too", async () => {
      const { port } = agent;
      assert.equal(
        outside.ask(port, "POST", "/init", "X-Access-Token: t"),
        204,
      );
      const headers = { "x-access-token": "t" };
      for (const path of E2B_CALLS) {
        const reply = await ask(port, "POST", path, "", headers);
        assert.equal(reply.status, 403, path);
      }
      const wrenn = await ask(secondPort(agent), "POST", "/init");
      assert.equal(wrenn.status, 403);
      assert.equal((await agent.status()).state, "running");
      // What the host froze, the guest cannot thaw.
      assert.equal(
        outside.ask(port, "POST", "/freeze", "X-Access-Token: t"),
        204,
      );
      for (const path of ["/init", "/unfreeze", "/fsthaw"]) {
        await ask(port, "POST", path, "", headers);
        assert.equal((await agent.status()).state, "quiesced", path);
      }
      assert.equal(
        outside.ask(port, "POST", "/init", "X-Access-Token: t"),
        204,
      );
      assert.equal((await agent.status()).state, "running");
    });

    test("a page in a browser gets 403 from outside", async () => {
      const pages = [
        ...["Origin: http://a", "Sec-Fetch-Site: none", "Origin:"],
        // A form, a page whose name was rebound, and a socket of a page.
        "Origin: null\\r\\nContent-Type: text/plain",
        "Origin: http://lull\\r\\nSec-Fetch-Site: same-origin",
        "Origin: http://a\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket",
      ];
      for (const header of pages) {
        for (const path of E2B_CALLS) {
          const status = outside.ask(agent.port, "POST", path, header);
          assert.equal(status, 403, `${path} ${header}`);
        }
        const second = secondPort(agent);
        assert.equal(outside.ask(second, "POST", "/init", header), 403);
      }
      assert.equal((await agent.status()).state, "running");
    });
  });
}
