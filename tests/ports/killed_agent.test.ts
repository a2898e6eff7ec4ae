import assert from "node:assert/strict";
import { test } from "node:test";
import { echo, portOf, through } from "../contract/echo.ts";
import { runtimeName } from "../../src/runtime/mod.ts";
import { TestAgent } from "../support/agent.ts";
import { until } from "../support/until.ts";

test("an agent that is killed steers no client, and the next one forwards at once", async () => {
  const server = await echo({ host: "127.0.0.1", port: 0 });
  const port = portOf(server);
  const flags = [`--forward-include=${port}`];
  const forwarded = () =>
    until(
      "the port to be forwarded",
      async () => await through(port, "hello") === "hello",
    );
  try {
    const killed = await TestAgent.start(runtimeName(), flags);
    try {
      await forwarded();
    } finally {
      killed.kill("SIGKILL");
      await killed.stop();
    }
    // Every program and link of the kernel was a descriptor of the agent.
    assert.equal(await through(port, "hello"), undefined);
    await using _next = await TestAgent.start(runtimeName(), flags);
    await forwarded();
  } finally {
    server.close();
  }
});
