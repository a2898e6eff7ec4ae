import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { describe, test } from "node:test";
import { runtimeOf, type Target, TestAgent } from "../../support/agent.ts";
import { overUnix } from "../../support/over_unix.ts";
import { descriptorsOf, socketsOn } from "../../support/proc.ts";
import { Raw } from "../../support/raw.ts";
import { until } from "../../support/until.ts";
import { cannotLimit, FEW, round, WITH_FEW } from "./round.ts";

/** An agent that more clients come to than it has descriptors for. */
export function noDescriptors(target: Target): void {
  describe(`no descriptors on ${target}`, {
    skip: cannotLimit(),
  }, () => {
    test("it lives, and works as soon as there are some", async () => {
      const agent = await TestAgent.start(
        target,
        ["--no-forward-ports"],
        {},
        WITH_FEW,
      );
      try {
        const held = await starve(agent);
        const answers = () =>
          agent.health().then(({ status }) => status === 200, () => false);
        // It closes those that idle, though they do not hang up.
        await until("an answer", answers);
        for (const one of held) one.destroy();
        await until("descriptors", () => openIn(agent) < FEW / 2);
        await until("an answer again", answers);
        await round(agent);
        await looksAtItsNewSocket(agent);
        await until(
          "the hooks socket",
          () =>
            overUnix(hooksOf(agent), "GET", "/hooks")
              .then(({ status }) => status === 200, () => false),
        );
        assert.equal(statSync(hooksOf(agent)).mode & 0o777, 0o660);
        assertTold(agent, target);
      } finally {
        await agent.stop();
      }
    });
  });
}

function openIn(agent: TestAgent): number {
  return descriptorsOf(agent.pid).length;
}

function hooksOf(agent: TestAgent): string {
  return join(agent.directory, "hooks.sock");
}

/** Takes all its descriptors, on both sockets, and asks for a freeze. */
async function starve(agent: TestAgent): Promise<{ destroy(): void }[]> {
  return await until("a freeze without descriptors", async () => {
    const all: { destroy(): void }[] = [];
    const status = await freezeStarved(agent, all).catch((error) => {
      // The agent closes who idles longest: on a slow machine, the one that asks, or others
      // before all descriptors are taken.
      if (!/closed after ""|no descriptor to be/.test(`${error}`)) throw error;
    });
    if (status !== undefined) {
      assert.ok([200, 503].includes(status), `${status}`);
      return all;
    }
    for (const one of all) one.destroy();
    await until("descriptors", () => openIn(agent) < FEW / 2);
  }, 90_000);
}

/** The status of a prepare while no descriptor is free; `all` is what took them. */
async function freezeStarved(
  agent: TestAgent,
  all: { destroy(): void }[],
): Promise<number> {
  const known = await Raw.open(agent.port);
  all.push(known);
  known.request("GET", "/health");
  await known.response();
  // Deno stops listening in the middle of it.
  for (let i = 0; i < 200; i++) {
    await Raw.open(agent.port).then((raw) => all.push(raw), () => {});
  }
  // The first takes the number that Deno's own socket had.
  for (let i = 0; i < 2; i++) {
    const program = connect(hooksOf(agent));
    all.push(program.on("error", () => {}));
  }
  await until("no descriptor to be left", async () => {
    known.request("GET", "/health");
    await known.response(20_000);
    return openIn(agent) > FEW - 8;
  });
  known.request("POST", "/snapshot/prepare?wait=settled");
  return (await known.response(20_000)).status;
}

/** A client that sends nothing to a quiesced agent stays inside the kernel. */
async function looksAtItsNewSocket(agent: TestAgent): Promise<void> {
  assert.equal((await agent.settle()).status, 200);
  const silent = await Raw.open(agent.port);
  const port = silent.localPort.toString(16).toUpperCase().padStart(4, "0");
  const inside = socketsOn(agent.port, "01")
    .filter(({ remote }) => remote.endsWith(`:${port}`));
  assert.deepEqual(inside, []);
  silent.destroy();
  assert.equal((await agent.health()).status, 200);
}

/** Once for each time, not once for each try. */
function assertTold(agent: TestAgent, target: Target): void {
  const told = agent.lines().filter(({ error }) =>
    String(error).includes("it listens again as soon as it can")
  );
  for (const { error } of told) {
    assert.match(
      String(error),
      /^Cannot take another client on (127\.0\.0\.1|unix):\S+: .*open files.*; /,
    );
  }
  if (runtimeOf(target) === "bun") assert.equal(told.length, 0);
  else assert.ok(told.length > 0 && told.length < 6, `${told.length} times`);
}
