import assert from "node:assert/strict";
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { temporary } from "../../support/hooks.ts";

/** A token file that does not exist when the agent starts. */
export function missingToken(target: Target): void {
  describe(`a token file that does not exist yet, on ${target}`, () => {
    test("all calls that need it are refused until it is there", async () => {
      const directory = temporary();
      const path = join(directory.path, "token");
      try {
        await using agent = await TestAgent.start(target, [
          `--token-file=${path}`,
        ]);
        const said = () =>
          agent.lines().filter(({ message }) => message.includes("token"));
        assert.equal(said().length, 1, agent.output);
        assert.equal(said()[0].path, path);
        const status = async (token = "right") => {
          const headers = { "x-access-token": token };
          return (await agent.ask("GET", "/snapshot", "", headers)).status;
        };
        for (const token of ["right", "", "undefined"]) {
          assert.equal(await status(token), 401);
        }
        const reply = await agent.ask("POST", "/snapshot/prepare");
        assert.equal(reply.status, 401);
        assert.equal((await agent.health()).status, 200);
        writeFileSync(path, "\n");
        assert.equal(await status(), 401);
        writeFileSync(path, "right\n");
        chmodSync(path, 0o600);
        assert.equal(await status(), 200);
        assert.equal(await status("wrong"), 401);
        rmSync(path);
        assert.equal(await status(), 401);
      } finally {
        directory.remove();
      }
    });
  });
}
