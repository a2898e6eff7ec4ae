import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { script, temporary } from "../../support/hooks.ts";
import { realLibc } from "../../support/libc.ts";
import { NotifySocket } from "../../support/notify_socket.ts";
import { until } from "../../support/until.ts";

/** A service manager that waits until the agent is ready, and one that cannot be told. */
export function serviceManager(target: Target): void {
  describe(`a service manager, on ${target}`, () => {
    test("hears once that the agent listens; hooks do not know its socket", async () => {
      const directory = temporary();
      try {
        const path = join(directory.path, "notify");
        const seen = join(directory.path, "environment");
        script(join(directory.path, "10-env"), `#!/bin/sh\nenv > ${seen}\n`);
        using socket = new NotifySocket(await realLibc(), path);
        await using agent = await TestAgent.start(
          target,
          [`--hook-directories=${directory.path}`],
          { NOTIFY_SOCKET: path },
        );
        const message = await until("the message", () => socket.next());
        assert.equal(
          message,
          `READY=1\nSTATUS=listening on 127.0.0.1:${agent.port}`,
        );
        assert.equal((await agent.settle()).status, 200);
        assert.doesNotMatch(readFileSync(seen, "utf8"), /^NOTIFY_SOCKET/m);
        assert.equal((await agent.health()).status, 200);
        assert.equal(socket.next(), undefined);
      } finally {
        directory.remove();
      }
    });

    test("that cannot be told is named in the log, and the agent runs", async () => {
      await using agent = await TestAgent.start(target, [], {
        NOTIFY_SOCKET: "/none/such",
      });
      const line = await until(
        "the line",
        () => agent.lines().find(({ message }) => message.includes("ready")),
      );
      assert.equal(
        line.why,
        "Cannot notify the service manager at /none/such: ENOENT",
      );
      assert.equal((await agent.health()).status, 200);
    });

    test("gives the token as a credential", async () => {
      const directory = temporary();
      try {
        script(join(directory.path, "lull.token"), "right\n", 0o400);
        const env = { CREDENTIALS_DIRECTORY: directory.path };
        await using agent = await TestAgent.start(target, [], env);
        const status = async (token: string) =>
          (await agent.ask("GET", "/snapshot", "", { "x-access-token": token }))
            .status;
        assert.equal(await status("wrong"), 401);
        assert.equal(await status("right"), 200);
      } finally {
        directory.remove();
      }
    });
  });
}
