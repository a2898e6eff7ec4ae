import assert from "node:assert/strict";
import { describe } from "node:test";
import { configure, health, LIMIT, prepare, status } from "./support/agent.ts";
import { until } from "../support/until.ts";
import { Fleet, KEEP_MEMORY, say } from "./support/fleet.ts";
import type { Machine } from "./support/machine.ts";
import { AGENT_PORT } from "./support/hardware.ts";

/** The code of the reply that a program in the guest gets. */
async function askInside(
  machine: Machine,
  address: string,
  request: string,
  header = "Host: lull",
): Promise<number> {
  const words = `${request} HTTP/1.1\\r\\n${header}\\r\\n` +
    "Content-Length: 0\\r\\nConnection: close\\r\\n\\r\\n";
  const first = await machine.sh(
    `timeout 30 bash -c 'exec 3<>/dev/tcp/${address}/${AGENT_PORT}; ` +
      `printf "${words}" >&3; head -n 1 <&3'`,
  );
  const code = /^HTTP\/1\.1 (\d{3})/.exec(first)?.[1];
  assert.ok(code, `${address}: ${first}`);
  return Number(code);
}

/** All addresses of the guest, those of a link with its name. */
async function addresses(machine: Machine): Promise<string[]> {
  const text = await machine.sh("ip -o address show");
  return [...text.matchAll(/^\d+: (\S+)\s+inet6? ([^/\s]+)/gm)].map(
    ([, link, address]) =>
      address.startsWith("fe80") ? `${address}%${link}` : address,
  );
}

const PREPARE = "POST /snapshot/prepare";

describe("who may call a machine's agent", () => {
  const fleet = new Fleet("bun", {
    flags: [
      "--no-forward-ports",
      `--listen=[::]:${AGENT_PORT}`,
      ...KEEP_MEMORY,
    ],
  });

  fleet.test("programs in the guest get 403 over every address, the host gets through", async () => {
    const machine = await fleet.copy();
    const { generation } = await health(machine);
    // One that the agent has not seen at its start is the guest's own too.
    await machine.sh("ip address add 10.0.2.77/24 dev eth0");
    const own = await until("the address of the link", async () => {
      const all = await addresses(machine);
      return all.some((address) => address.startsWith("fe80")) && all;
    }, LIMIT);
    say(`asked over ${own || []}`);
    assert.ok(own);
    for (const address of ["10.0.2.15", "10.0.2.77", "169.254.0.21", "::1"]) {
      assert.ok(own.includes(address), `${address} is not in ${own}`);
    }
    for (const address of [...own, "127.9.8.7"]) {
      const found = await askInside(machine, address, PREPARE);
      assert.equal(found, 403, address);
      const recover = "POST /snapshot/recover";
      assert.equal(await askInside(machine, address, recover), 403, address);
    }
    const forged = await askInside(
      machine,
      "127.0.0.1",
      PREPARE,
      "Host: 10.0.2.2\\r\\nX-Forwarded-For: 10.0.2.2",
    );
    assert.equal(forged, 403);
    assert.equal((await status(machine)).state, "running");

    await prepare(machine);
    // Nor does a program in the guest undo it.
    for (const address of own) {
      assert.equal(await askInside(machine, address, "GET /health"), 200);
    }
    assert.equal((await status(machine)).state, "quiesced");
    const reply = await health(machine);
    assert.equal(reply.state, "running");
    assert.equal(reply.generation, generation + 1);
  });

  fleet.test("with a token only the token does", async () => {
    const machine = await fleet.copy();
    const token = crypto.randomUUID();
    await machine.sh(
      `mkdir -p /etc/lull; umask 077; echo ${token} >/etc/lull/token`,
    );
    await configure(machine, { tokenFile: "/etc/lull/token" });
    const call = async (headers: Record<string, string> = {}) =>
      (await machine.fetch("/snapshot/prepare", { method: "POST", headers }))
        .status;
    const wrong = { authorization: `Bearer ${crypto.randomUUID()}` };
    assert.equal(await call(), 401);
    assert.equal(await call(wrong), 401);
    assert.equal(await askInside(machine, "127.0.0.1", PREPARE), 401);
    assert.equal((await health(machine)).generation, 0);

    assert.equal(await call({ "x-access-token": token }), 204);
    assert.equal((await health(machine)).generation, 1);
    const bearer = `Authorization: Bearer ${token}\\r\\nHost: lull`;
    assert.equal(await askInside(machine, "10.0.2.15", PREPARE, bearer), 204);
    assert.equal((await health(machine)).generation, 2);
    const log = await machine.sh("cat /run/lull.log");
    assert.ok(!log.includes(token));
  });
});
