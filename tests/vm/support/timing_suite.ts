import assert from "node:assert/strict";
import { until } from "../../support/until.ts";
import {
  callRecover,
  health,
  LIMIT,
  prepare,
  prepareSettled,
  RawConnection,
  status,
} from "./agent.ts";
import { ALL_CPUS, assertRecovered, restoreAndCheck } from "./checks.ts";
import { type Fleet, say } from "./fleet.ts";
import { agentCpus, established, uptime } from "./guest.ts";
import { AGENT_PORT } from "./hardware.ts";

/** Freezes that may miss the settle until one must have landed in it. */
const MOST_TRIES = 6;

/** Freezes at the wrong moment, and freezes that never come. */
export function timingSuite(fleet: Fleet): void {
  fleet.test("a snapshot that lands in the middle of a settle", async () => {
    let overtaken = 0;
    let tries = 0;
    // One after each delay at least: where they land is up to this host, too.
    while (tries < 2 || (overtaken === 0 && tries < MOST_TRIES)) {
      const delay = [0, 50][tries++ % 2];
      const source = await fleet.copy();
      const { generation } = await health(source);
      // Nothing is to be recovered; but the warm-up after the start is over by
      // its reply, and no part of the time that the prepare takes.
      await callRecover(source);
      const start = performance.now();
      await prepare(source);
      const replied = performance.now();
      await until("the moment", () => performance.now() >= replied + delay);
      await source.stop();
      const ran = performance.now() - start;
      const snapshot = await fleet.snapshot(source, `settle + ${delay} ms`);
      await fleet.kill(source);
      const fork = await restoreAndCheck(
        fleet,
        snapshot,
        generation + 1,
      );
      const { operation } = await status(fork);
      // Guest time: what ended after more of it than the source had, ended in the fork.
      const settledMs = operation?.settledMs ?? Infinity;
      if (settledMs > ran) overtaken++;
      // The settle goes on after the restore, and must not make one CPU of it.
      const end = await uptime(fork) + 500;
      do {
        assert.deepEqual(await agentCpus(fork), ALL_CPUS);
      } while (await uptime(fork) < end);
      await assertRecovered(fork, generation + 1);
      await fleet.kill(fork);
    }
    say(
      `${fleet.variant}: ${overtaken} of ${tries} freezes landed in the settle`,
    );
    assert.ok(overtaken > 0, "no freeze landed in the settle");
  });

  fleet.test("a caller that waits for the settle through the freeze", async () => {
    const source = await fleet.copy();
    const { generation } = await health(source);
    const caller = new RawConnection(
      source,
      "POST /snapshot/prepare?wait=settled HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    );
    await until(
      "the quiesce",
      async () => (await status(source)).state === "quiesced",
      LIMIT,
    );
    const snapshot = await fleet.snapshot(source, "caller waiting");
    await fleet.kill(source);
    caller.socket.destroy();
    const fork = await restoreAndCheck(
      fleet,
      snapshot,
      generation + 1,
    );
    // Its connection is a zombie: the next caller of this machine is another one.
    await until(
      "the end of the zombie",
      async () => (await established(fork, AGENT_PORT)).length === 0,
      LIMIT,
    );
    await assertRecovered(fork, generation + 1);
    await fleet.kill(fork);
  });

  fleet.test("a snapshot that is never taken: the lease ends it", async () => {
    const machine = await fleet.copy();
    const { generation } = await health(machine);
    const before = await uptime(machine);
    await prepare(machine, "lease=10");
    const document = await until("the end of the lease", async () => {
      const document = await status(machine);
      return document.state === "running" && document;
    }, LIMIT);
    assert.ok(document && document.lastRecovery);
    assert.equal(document.lastRecovery.outcome, "expired");
    assert.equal(document.lastRecovery.trigger, "lease");
    assert.ok(await uptime(machine) - before >= 9900);
    await assertRecovered(machine, generation + 1);
    await fleet.kill(machine);
  });

  fleet.test("a lease does not run while the machine lies in a file", async () => {
    const source = await fleet.copy();
    const { generation } = await health(source);
    await prepareSettled(source, "lease=100");
    const start = performance.now();
    const before = await status(source);
    await source.stop();
    const frozen = performance.now();
    const snapshot = await fleet.snapshot(source, "lease of 100 s");
    await fleet.kill(source);
    await until("3 s to pass", () => performance.now() > frozen + 3000);
    // With the same generation id: there must be no evidence that recovers it.
    const moved = fleet.add(await fleet.restore(snapshot, "same"));
    const lay = performance.now() - frozen;
    await moved.cont();
    const after = await status(moved);
    assert.equal(after.state, "quiesced");
    const passed = (before.lease.left - after.lease.left) * 1000;
    const most = performance.now() - start - lay;
    assert.ok(passed > 0 && passed <= most + 100, `${passed} of ${most} ms`);
    assert.equal((await health(moved)).generation, generation + 1);
    await fleet.kill(moved);
  });

  fleet.test("the source machine resumed after its snapshot, and a watcher of it", async () => {
    const source = await fleet.copy();
    const { generation } = await health(source);
    const watcher = new RawConnection(
      source,
      "GET /snapshot/events HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    await watcher.replied();
    await prepareSettled(source);
    const snapshot = await fleet.snapshot(source, "source to go on");
    assert.equal(watcher.closed, false);
    await source.cont();
    assert.equal((await health(source)).generation, generation + 1);
    // The stream has the way into the quiesced state, and ends with it.
    await until("the end of the stream", () => watcher.closed, LIMIT);
    assert.match(watcher.text, /"state":"quiesced"[^]*\r\n0\r\n\r\n$/);
    await assertRecovered(source, generation + 1);
    const { lastRecovery } = await status(source);
    assert.equal(lastRecovery?.outcome, "resumed");
    await fleet.kill(source);
    // In a fork, that stream has no client.
    const fork = await restoreAndCheck(fleet, snapshot, generation + 1);
    await until(
      "the end of the fork's copy of the stream",
      async () => (await established(fork, AGENT_PORT)).length === 0,
      LIMIT,
    );
    await fleet.kill(fork);
  });
}
