import { describe, it } from "node:test";
import assert from "node:assert/strict";
import type { Done, StepContext } from "../../src/lifecycle/step.ts";
import type { Destroyed, TcpConnection } from "../../src/linux/sock_diag.ts";
import { resetConnections } from "../../src/steps/reset_connections.ts";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";
import { contextOf } from "../support/recovery.ts";

interface Result {
  recorded: unknown;
  effect: unknown;
  lives: Record<string, boolean>;
  errors: string[];
}

const script = new URL("../support/namespace/connections.ts", import.meta.url);
const skip = namespaceProblem();
const prepare: StepContext = {
  operation: "op",
  generation: 0,
  kind: "full",
  signal: new AbortController().signal,
};
const spared = { loopback4: true, loopback6: true, itself: true };

describe("connections of a restored workload", { skip }, () => {
  it("to others end, those within the machine and new ones live", async () => {
    const result = await inNamespace<Result>(script);
    assert.deepEqual(result, {
      // both ends of the one to itself, the two to the peer
      recorded: { effect: { recorded: 4 } },
      effect: { destroyed: 2, gone: 0, failed: {} },
      lives: { ...spared, peer4: false, peer6mapped: false, fresh: true },
      errors: ["ECONNABORTED"],
    });
  });

  it("end too where they came up just before the freeze", async () => {
    const { effect, lives } = await inNamespace<Result>(script, {
      unseen: true,
    });
    assert.deepEqual(effect, { destroyed: 3, gone: 0, failed: {} });
    assert.equal(lives.fresh, true);
  });

  it("to their own address end where that is taken away", async () => {
    const { effect, lives } = await inNamespace<Result>(script, {
      network: { address: "10.0.2.16/24" },
    });
    // the reset of one end of the one to itself takes the other with it
    assert.deepEqual(effect, { destroyed: 3, gone: 1, failed: {} });
    assert.equal(lives.loopback4 && lives.loopback6, true);
  });

  it("live on in a machine that was only resumed", async () => {
    const { effect, lives, errors } = await inNamespace<Result>(script, {
      outcome: "resumed",
    });
    assert.deepEqual(effect, { skipped: "left alone at outcome resumed" });
    assert.deepEqual(Object.values(lives), Array(6).fill(true));
    assert.deepEqual(errors, []);
  });
});

let cookies = 0;

/** A connection of the list that the kernel gives. */
function connection(
  local: string,
  remote: string,
  more: Partial<TcpConnection> = {},
): TcpConnection {
  const bytes = new TextEncoder().encode(`${local}>${remote}`);
  return {
    local,
    localPort: 5000,
    remote,
    remotePort: 443,
    established: true,
    silentMs: 0,
    cookie: ++cookies,
    identity: { family: 2, bytes },
    ...more,
  };
}

function fake(options: {
  connections: TcpConnection[];
  fate?: Destroyed;
  libc?: object;
}) {
  const { connections, fate = "destroyed", libc = { socket: () => -1 } } =
    options;
  const asked: string[] = [];
  const tables = { opened: 0, closed: 0 };
  const pair = resetConnections({
    libc,
    ownPorts: () => [49983],
    restoredAt: () => undefined,
    open() {
      tables.opened++;
      return {
        list: () => connections,
        destroy: (identities) =>
          identities.map(({ bytes }) => {
            asked.push(new TextDecoder().decode(bytes));
            return fate;
          }),
        [Symbol.dispose]: () => void tables.closed++,
      };
    },
  });
  return { ...pair, asked, tables };
}

describe("what is reset", () => {
  it("is not the agent's own, nor loopback in any form", async () => {
    const { record, reset, asked } = fake({
      connections: [
        connection("10.0.2.15", "10.0.2.2"),
        connection("10.0.2.15", "10.0.2.3", { localPort: 49983 }),
        connection("127.0.0.1", "127.0.0.1"),
        connection("127.8.0.1", "127.9.0.1"),
        connection("::1", "::1"),
        connection("fd00::15", "fd00::2"),
      ],
    });
    const { effect } = await record.quiesce(prepare) as Done;
    assert.deepEqual(effect, { recorded: 2 });
    await reset.repair(contextOf({}));
    assert.deepEqual(asked, ["10.0.2.15>10.0.2.2", "fd00::15>fd00::2"]);
  });

  it("tells what the kernel cannot do", async () => {
    const failed = "Cannot destroy a TCP connection: EOPNOTSUPP";
    const { record, reset } = fake({
      connections: [connection("10.0.2.15", "10.0.2.2")],
      fate: { failed },
    });
    await record.quiesce(prepare);
    assert.deepEqual(await reset.repair(contextOf({})), {
      destroyed: 0,
      gone: 0,
      failed: { [failed]: 1 },
    });
  });

  it("is nothing twice, and nothing without a record", async () => {
    const { record, reset } = fake({
      connections: [connection("10.0.2.15", "10.0.2.2")],
    });
    const none = { skipped: "no connections were recorded at the prepare" };
    assert.deepEqual(await reset.repair(contextOf({})), none);
    await record.quiesce(prepare);
    await reset.repair(contextOf({}));
    assert.deepEqual(await reset.repair(contextOf({})), none);
  });

  it("keeps the kernel's table open, but for one that fails", async () => {
    const connections: TcpConnection[] = [];
    const { record, tables } = fake({ connections });
    for (const _time of [1, 2]) {
      const done = await record.quiesce(prepare) as Done;
      await done.undo!(contextOf({}));
      assert.deepEqual(tables, { opened: 1, closed: 0 });
    }
    Object.defineProperty(connections, "filter", {
      value() {
        throw new Error("no table");
      },
    });
    assert.throws(() => record.quiesce(prepare), /no table/);
    assert.deepEqual(tables, { opened: 1, closed: 1 });
    assert.throws(() => record.quiesce(prepare), /no table/);
    assert.deepEqual(tables, { opened: 2, closed: 2 });
  });

  it("destroys nothing in a dry run, and closes the table after it", async () => {
    const { record, reset, asked, tables } = fake({
      connections: [connection("10.0.2.15", "10.0.2.2")],
    });
    const dryRun = true;
    await record.quiesce({ ...prepare, dryRun });
    const none = { destroyed: 0, gone: 0, failed: {} };
    assert.deepEqual(await reset.repair(contextOf({}, { dryRun })), none);
    assert.deepEqual([asked, tables], [[], { opened: 1, closed: 1 }]);
    await record.quiesce(prepare);
    await reset.repair(contextOf({}));
    assert.deepEqual(asked, ["10.0.2.15>10.0.2.2"]);
  });

  it("is nothing without a C library", async () => {
    const { record } = fake({ connections: [], libc: {} });
    assert.deepEqual(await record.quiesce(prepare), {
      skipped: "the C library could not be loaded",
    });
  });
});
