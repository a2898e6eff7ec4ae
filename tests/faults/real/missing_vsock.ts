import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runAgent, type Target, TestAgent } from "../../support/agent.ts";
import { withoutVsock } from "../../support/vsock.ts";

/** A kernel without vsock. */
export function missingVsock(target: Target): void {
  describe(`a kernel without vsock, on ${target}`, () => {
    test("is said in one line, and the other addresses are served", async () => {
      await using agent = await TestAgent.start(
        target,
        ["--listen=vsock:5000", "--listen=127.0.0.1:0"],
        {},
        withoutVsock(),
      );
      assert.equal((await agent.health()).status, 200);
      const said = agent.lines().filter(({ message }) =>
        message.startsWith("this kernel has no vsock")
      );
      assert.deepEqual(said.map(({ at }) => at), [["vsock:5000"]]);
      const [listening] = agent.lines().filter(({ message }) =>
        message === "listening"
      );
      assert.deepEqual(listening.at, [`127.0.0.1:${agent.port}`]);
    });

    test("ends an agent that has no other address, in one line", () => {
      const { status, stderr } = runAgent(
        target,
        ["--listen=vsock:5000", "--listen=vsock:5001", "--hooks-socket="],
        {},
        withoutVsock(),
      );
      assert.equal(status, 1);
      const [line, ...rest] = stderr.trimEnd().split("\n");
      assert.deepEqual(rest, []);
      assert.match(
        line,
        /^lull: Cannot listen on vsock:500\d: EAFNOSUPPORT; load the kernel's module vsock \(modprobe vsock\), or name another vsock port with --listen$/,
      );
    });
  });
}
