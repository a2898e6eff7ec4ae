import assert from "node:assert/strict";
import type { PortList } from "../../../src/client/mod.ts";
import { until } from "../../support/until.ts";
import { health, LIMIT, prepareSettled, RawConnection } from "./agent.ts";
import { restoreAndCheck } from "./checks.ts";
import type { Fleet } from "./fleet.ts";
import { agentPid, established, type GuestSocket, sockets } from "./guest.ts";
import type { Machine } from "./machine.ts";
import { AGENT_PORT } from "./hardware.ts";
import { SHARED_ADDRESS } from "../../../src/ports/shared_listener.ts";

/** Starts a server on loopback, waits until it is forwarded, and moves it, ten times. */
const MOVES = `
  for i in 1 2 3 4 5 6 7 8 9 10; do
    httpd -f -p 127.0.0.1:8000 -h /tmp/w >/dev/null 2>&1 & p=$!
    until wget -q -O /dev/null http://169.254.0.21:8000/p; do usleep 20000; done
    kill $p; wait $p 2>/dev/null
    httpd -f -p 0.0.0.0:8000 -h /tmp/w >/dev/null 2>&1 & p=$!
    until wget -q -O /dev/null http://10.0.2.15:8000/p; do
      kill -0 $p 2>/dev/null || { echo failed; break; }
      usleep 20000
    done
    kill $p && echo moved; wait $p 2>/dev/null
  done | tr '\\n' ' ' | sed 's/ $//'
`;

/** Milliseconds that a connection must have stayed open to be one that stays. */
const STAYS_MS = 1000;

/** A half-sent request to a quiesced agent, and its socket in the guest. */
async function openAtRest(
  machine: Machine,
): Promise<{ late: RawConnection; zombie: GuestSocket }> {
  for (;;) {
    const late = new RawConnection(
      machine,
      "POST /snapshot/recover HTTP/1.1\r\n",
    );
    const start = performance.now();
    let zombie: GuestSocket | undefined;
    await until("a connection after the prepare", async () => {
      [zombie] = await established(machine, AGENT_PORT);
      return late.closed || (zombie && performance.now() > start + STAYS_MS);
    }, LIMIT);
    // One that comes up while the prepare's reply is on its way ends with it.
    if (!late.closed && zombie) return { late, zombie };
  }
}

/** What was connected as the machine froze. */
export function trafficSuite(fleet: Fleet): void {
  fleet.test("connections that were open at the freeze", async () => {
    const source = await fleet.copy();
    const { generation } = await health(source);
    const kept = new RawConnection(
      source,
      "GET /snapshot HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    await kept.replied();
    // The first time takes longest here: it must not count against `half`.
    await established(source, AGENT_PORT);
    const half = new RawConnection(
      source,
      "POST /snapshot/recover HTTP/1.1\r\n",
    );
    await until(
      "both connections",
      async () => (await established(source, AGENT_PORT)).length === 2,
      LIMIT,
    );
    await prepareSettled(source);
    // Both are told, and do not wait for ever for a machine that is gone.
    await until("the end of both", () => kept.closed && half.closed, LIMIT);
    const { late, zombie } = await openAtRest(source);
    const snapshot = await fleet.snapshot(source, "open connections");
    await fleet.kill(source);
    late.socket.destroy();

    const fork = await restoreAndCheck(
      fleet,
      snapshot,
      generation + 1,
    );
    // A connection from after the restore is left alone, the one from before ends.
    const fresh = new RawConnection(
      fork,
      "GET /snapshot HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    await fresh.replied();
    await until("the end of the zombie", async () => {
      const open = await established(fork, AGENT_PORT);
      return !open.some((socket) => socket.peerPort === zombie.peerPort);
    }, LIMIT);
    assert.equal(fresh.closed, false);
    fresh.text = "";
    fresh.socket.write("GET /snapshot HTTP/1.1\r\nHost: x\r\n\r\n");
    await fresh.replied();
    fresh.socket.destroy();
    await fleet.kill(fork);
  });

  fleet.test("forwarding to a server that runs all along", async () => {
    const source = await fleet.copy();
    const { generation } = await health(source);
    const server = await source.sh(
      "mkdir /tmp/w; echo page >/tmp/w/p; " +
        "httpd -f -p 127.0.0.1:8000 -h /tmp/w >/dev/null 2>&1 & echo $!",
    );
    async function page(machine: Machine): Promise<string> {
      const port = await machine.forward(8000, "169.254.0.21");
      return await until("the forwarded page", async () => {
        try {
          const response = await fetch(`http://127.0.0.1:${port}/p`, {
            keepalive: false,
            signal: AbortSignal.timeout(10_000),
          });
          return await response.text();
        } catch {
          // The scanner has not found it yet; `until` has the limit.
          return "";
        }
      }, LIMIT);
    }
    /** What GET /ports says about that port. */
    async function listed(machine: Machine) {
      const reply = await machine.fetch("/ports");
      const { rules, ports }: PortList = await reply.json();
      const [{ since, bytesOut, processes }] = ports;
      const at = Date.parse(since ?? "");
      return { rules, since: at, bytesOut, server: processes[0] };
    }
    /** The addresses that listen on the port, and the sockets that the kernel steers clients to. */
    async function listeners(machine: Machine): Promise<string[]> {
      const all = await sockets(machine);
      return all.filter(({ port, address, state }) =>
        state === 10 && (port === 8000 || address === SHARED_ADDRESS)
      ).map(({ address }) => address).sort();
    }
    assert.equal(await page(source), "page\n");
    const rules = { include: ["8000"], exclude: ["9000-9999"] };
    const set = await source.fetch("/ports", {
      method: "PUT",
      body: JSON.stringify(rules),
    });
    assert.deepEqual(await set.json(), { rules, applied: true });
    assert.equal(await page(source), "page\n");
    const before = await until("the bytes to be counted", async () => {
      const now = await listed(source);
      return now.bytesOut >= "page\n".length ? now : undefined;
    }, LIMIT);
    assert.deepEqual(before.rules, rules);
    assert.deepEqual(before.server, { pid: Number(server), name: "httpd" });
    assert.deepEqual(await listeners(source), ["127.0.0.1", SHARED_ADDRESS]);
    const agent = await agentPid(source);

    await prepareSettled(source);
    assert.deepEqual(await listeners(source), ["127.0.0.1"]);
    const snapshot = await fleet.snapshot(source, "forwarding at rest");
    await fleet.kill(source);
    const fork = await restoreAndCheck(
      fleet,
      snapshot,
      generation + 1,
    );
    assert.equal(await page(fork), "page\n");
    const after = await listed(fork);
    assert.deepEqual(after.rules, rules);
    assert.deepEqual(after.server, before.server);
    assert.ok(after.since > before.since, "it is forwarded again");
    assert.equal(await agentPid(fork), agent);
    assert.equal((await fork.exec(`test -d /proc/${server}`)).code, 0);
    // A server that moves from loopback to all addresses succeeds at the first try.
    const moves = await fork.sh(`kill ${server}; ${MOVES}`);
    assert.equal(moves, "moved ".repeat(10).trim());
    await fleet.kill(fork);
  });
}
