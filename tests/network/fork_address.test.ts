/**
 * The network identity over the network: a real agent in a network of its own, whose host replaces
 * the address to which the call came.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { describe, test, type TestContext } from "node:test";
import { TestAgent } from "../support/agent.ts";
import { type Debt, owe } from "../support/cleanup.ts";
import { temporary } from "../support/hooks.ts";
import { namespaceProblem } from "../support/namespace/mod.ts";
import { until } from "../support/until.ts";

const target = "Deno" in globalThis ? "deno" : "bun";
const skip = namespaceProblem();
const PORT = 49983;
const OLD = "10.232.0.15";
const NEW = "10.232.0.21";

function ip(words: string): string {
  return execFileSync("ip", words.split(" "), { encoding: "utf8" });
}

/** A network with one interface, eth0, and a cable to this machine, which is the host. */
class Guest implements Disposable {
  readonly name = `lull-fork-${process.pid}`;
  readonly cable = `lullf${process.pid % 100_000}`;
  readonly #debt: Debt;

  constructor() {
    const { cable } = this;
    this.#debt = owe(`ip link del ${cable}; ip netns del ${this.name}\n`);
    try {
      ip(`netns add ${this.name}`);
      ip(`link add ${cable} type veth peer name eth0 netns ${this.name}`);
      ip(`addr add 10.232.0.1/24 dev ${cable}`);
      ip(`link set ${cable} up`);
      this.ip("link set lo up");
      this.ip(`addr add ${OLD}/24 dev eth0`);
      this.ip("link set eth0 up");
      this.ip("route add default via 10.232.0.1");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  ip(words: string): string {
    return ip(`-n ${this.name} ${words}`);
  }

  get addresses(): string[] {
    return [...this.ip("-o -4 addr show dev eth0").matchAll(/inet (\S+)/g)]
      .map(([, address]) => address);
  }

  /** The agent listens on the one address only. Its host name and its mounts are its own. */
  start(directory: string, host = OLD): Promise<TestAgent> {
    return TestAgent.start(
      target,
      [
        ...[`--listen=${host}:${PORT}`, `--runtime-directory=${directory}`],
        ...["--no-forward-ports", "--forward-address=169.254.0.21"],
      ],
      {},
      [
        ...["ip", "netns", "exec", this.name, "unshare", "--uts", "--mount"],
      ],
    );
  }

  [Symbol.dispose](): void {
    this.#debt.settle();
  }
}

function call(host: string, path: string, init: RequestInit = {}) {
  const signal = AbortSignal.timeout(20_000);
  return fetch(`http://${host}:${PORT}${path}`, { signal, ...init });
}

/** One after the other: they have one network. */
describe("a call to the address that it replaces", { skip }, () => {
  test("gets its reply; then the address is gone, and the agent listens on the new one", async (t: TestContext) => {
    using guest = new Guest();
    const directory = temporary();
    t.after(directory.remove);
    {
      await using agent = await guest.start(directory.path);
      assert.equal((await call(OLD, "/health")).status, 200);
      const network = {
        ...{ address: `${NEW}/24`, gateway: "10.232.0.1" },
        hostname: "fork-net",
      };
      const body = JSON.stringify({ network });
      const reply = await call(OLD, "/snapshot/recover", {
        ...{ method: "POST", body },
      });
      const { late } = await reply.json();
      assert.equal(reply.status, 200, JSON.stringify(late));
      assert.equal(reply.headers.get("connection"), "close");
      const [{ effect }] = late;
      assert.equal(effect.afterReply, `${OLD} is removed`);
      assert.deepEqual(effect.listening, [`${NEW}:${PORT}`]);
      assert.deepEqual(effect.managers, [{
        ...{ interface: "eth0", manager: "none", told: [], notManaged: [] },
      }]);
      await until(
        "the end of the address",
        () => guest.addresses.join() === `${NEW}/24`,
      );
      // The kernel drops the route with the address; the agent puts it back.
      await until(
        "the default route",
        () => /^default via 10.232.0.1/m.test(guest.ip("route")),
      );
      assert.equal((await call(NEW, "/health")).status, 200);
      // The same identity is applied again only if the machine has lost a part of it.
      const lateMs = async () => {
        const reply = await call(NEW, "/snapshot/recover", {
          ...{ method: "POST", body },
        });
        const { late } = await reply.json();
        assert.equal(reply.status, 200);
        return late[0].ms;
      };
      const ms = await lateMs();
      assert.equal(await lateMs(), ms);
      guest.ip("route del default");
      assert.notEqual(await lateMs(), ms);
      assert.match(guest.ip("route"), /^default via 10.232.0.1/m);
      // It stays on its interface, also if a program gives another one the default route.
      guest.ip("link add lan0 type veth peer name lan1");
      guest.ip("link set lan1 up");
      guest.ip("addr add 10.233.0.1/24 dev lan0");
      guest.ip("link set lan0 up");
      guest.ip("route replace default via 10.233.0.2 dev lan0");
      await lateMs();
      assert.match(guest.ip("route"), /^default via 10.232.0.1 dev eth0/m);
      assert.match(guest.ip("-o -4 addr show dev lan0"), / 10.233.0.1\/24 /);
      await until(
        "the end of its record",
        () => readdirSync(join(directory.path, "journal")).length === 0,
      );
      const removed = agent.lines().filter(({ message }) =>
        message === "the former address is removed"
      );
      assert.equal(removed.length, 1);
      agent.kill("SIGKILL");
    }
    // The configuration still has the former address.
    await using _again = await guest.start(directory.path);
    assert.equal((await call(NEW, "/health")).status, 200);
  });

  test("leaves no address behind if the agent is killed before", async (t: TestContext) => {
    using guest = new Guest();
    const directory = temporary();
    t.after(directory.remove);
    const journal = join(directory.path, "journal");
    mkdirSync(journal);
    const entry = join(journal, "00000001-network.json");
    const network = { address: `${NEW}/24` };
    writeFileSync(
      entry,
      JSON.stringify({ left: [{ network, address: OLD }] }),
    );
    writeFileSync(
      join(directory.path, "moved-addresses"),
      JSON.stringify({ [OLD]: NEW }),
    );
    guest.ip(`addr add ${NEW}/24 dev eth0`);
    await using _agent = await guest.start(directory.path);
    assert.deepEqual(guest.addresses, [`${NEW}/24`]);
    assert.equal(existsSync(entry), false);
    const { repaired } = await (await call(NEW, "/snapshot")).json();
    assert.deepEqual(
      repaired.map((one: { kind: string; status: string }) =>
        `${one.kind} ${one.status}`
      ),
      ["network repaired"],
    );
  });

  test("is removed if it derives from the former MAC address", async (t: TestContext) => {
    using guest = new Guest();
    const directory = temporary();
    t.after(directory.remove);
    guest.ip("link set eth0 address 02:00:00:00:01:01");
    const former = "fd00:232::ff:fe00:101";
    guest.ip(`addr add ${former}/64 dev eth0 nodad`);
    execFileSync("ip", [
      ...["addr", "add", "fd00:232::1/64", "dev", guest.cable, "nodad"],
    ]);
    await using _agent = await guest.start(directory.path, "[::]");
    const network = { mac: "02:00:00:00:01:02" };
    const reply = await call(`[${former}]`, "/snapshot/recover", {
      ...{ method: "POST", body: JSON.stringify({ network }) },
    });
    assert.equal(reply.status, 200);
    const [{ effect }] = (await reply.json()).late;
    assert.equal(effect.afterReply, `${former} is removed`);
    const addresses = () => guest.ip("-6 addr show dev eth0 scope global");
    await until("its end", () => !addresses().includes(former));
    assert.match(addresses(), /inet6 fd00:232::ff:fe00:102\/64/);
  });
});
