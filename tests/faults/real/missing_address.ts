import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestAddress, withoutAddresses } from "../../support/address.ts";
import { silence } from "../../support/silence.ts";
import { ask } from "../../support/raw.ts";
import { until } from "../../support/until.ts";

/** Longer than the longest pause between two tries to listen, in milliseconds. */
const SILENCE_MS = 2500;

/** The port at which the agent says that it listens on the address, if it does. */
function portAt(agent: TestAgent, { text }: TestAddress): number | undefined {
  for (const { message, at } of agent.lines()) {
    if (message !== "listening") continue;
    for (const one of at as string[]) {
      if (one.startsWith(`${text}:`)) return Number(one.split(":")[1]);
    }
  }
}

async function listensAt(agent: TestAgent, address: TestAddress) {
  const port = await until("it to listen", () => portAt(agent, address));
  const reply = await ask(port, "GET", "/health", "", {}, address.text);
  assert.equal(reply.status, 200);
}

async function waitsFor(agent: TestAgent, { text }: TestAddress) {
  await until("it to wait", () => {
    assert.equal(agent.exitCode, undefined, agent.output);
    return agent.lines().some(({ message, at }) =>
      message.startsWith("waiting for addresses") &&
      (at as string[]).includes(`${text}:0`)
    );
  });
}

/** An address to listen on that the machine does not have yet. */
export function missingAddress(target: Target): void {
  describe(`an address that does not exist yet, on ${target}`, {
    skip: withoutAddresses(),
  }, () => {
    test("is waited for; the others are served meanwhile", async () => {
      using address = new TestAddress(1);
      await using agent = await TestAgent.start(target, [
        `--listen=${address.text}:0`,
        "--listen=127.0.0.1:0",
      ]);
      await waitsFor(agent, address);
      assert.equal((await agent.health()).status, 200);
      address.add();
      await listensAt(agent, address);
      const waits = agent.lines().filter(({ message }) =>
        message.startsWith("waiting for addresses")
      );
      assert.equal(waits.length, 1);
    });

    test("is not waited for while quiesced", async () => {
      using address = new TestAddress(2);
      await using agent = await TestAgent.start(target, [
        `--listen=${address.text}:0`,
        "--listen=127.0.0.1:0",
        "--no-forward-ports",
      ]);
      await waitsFor(agent, address);
      assert.equal((await agent.settle()).status, 200);
      address.add();
      await silence(agent.pid, SILENCE_MS);
      assert.equal(portAt(agent, address), undefined);
      assert.equal((await agent.health()).status, 200);
      await listensAt(agent, address);
      // It takes part in a prepare like the others.
      assert.equal((await agent.settle()).status, 200);
      assert.equal((await agent.health()).status, 200);
    });

    test("as the only one, SIGTERM ends the wait", async () => {
      using address = new TestAddress(3);
      const flags = [`--listen=${address.text}:0`];
      await using agent = TestAgent.launch(target, flags);
      await waitsFor(agent, address);
      agent.kill("SIGTERM");
      await until("its end", () => agent.exitCode !== undefined);
      assert.equal(agent.exitCode, 0, agent.output);
      assert.equal(agent.lines().at(-1)?.message, "ended");
      assert.ok(!agent.lines().some(({ message }) => message === "listening"));
      await using queue = TestAgent.launch(target, flags);
      await waitsFor(queue, address);
      address.add();
      await listensAt(queue, address);
    });
  });
}
