import assert from "node:assert/strict";
import { describe } from "node:test";
import { initUntilReply } from "../support/e2b_host.ts";
import { GRACE_MS } from "../../src/steps/evidence.ts";
import { sleep } from "../../src/util/wait.ts";
import { until } from "../support/until.ts";
import {
  configure,
  health,
  LIMIT,
  prepare,
  prepareSettled,
  recover,
  status,
} from "./support/agent.ts";
import { Fleet, KEEP_MEMORY, say } from "./support/fleet.ts";
import { forksNoticed } from "./support/guest.ts";
import type { Machine } from "./support/machine.ts";
import { AGENT_PORT } from "./support/hardware.ts";

/** The code of the reply that a program in the guest gets. */
async function askInside(
  machine: Machine,
  address: string,
  request: string,
  header = "Host: lull",
  port = AGENT_PORT,
): Promise<number> {
  const words = `${request} HTTP/1.1\\r\\n${header}\\r\\n` +
    "Content-Length: 0\\r\\nConnection: close\\r\\n\\r\\n";
  const first = await machine.sh(
    `timeout 100 bash -c 'exec 3<>/dev/tcp/${address}/${port}; ` +
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

  fleet.test("a host of E2B freezes nested containers, and a fork of them goes on", async () => {
    const first = await fleet.copy();
    await startContainers(first);
    await configure(first, {
      dialects: [`e2b@0.0.0.0:${E2B_PORT}`],
      e2bMetadata: "",
      workloadCgroup: ["all"],
    });
    // Lull's own prepare freezes them by the option.
    await prepareSettled(first);
    assert.deepEqual(await containers(first), ALL_FROZEN);
    await recover(first, { outcome: "resumed" });
    assert.deepEqual(await containers(first), ONE_PAUSED);

    const port = await first.forward(E2B_PORT);
    const post = (path: string) => askE2b(port, path, "host");
    assert.equal((await askE2b(port, "/init", "host")).status, 204);
    for (const path of ["/freeze", "/init", "/unfreeze"]) {
      const code = await askInside(
        first,
        "127.0.0.1",
        `POST ${path}`,
        "Host: lull",
        E2B_PORT,
      );
      assert.equal(code, 403, path);
    }
    const frozen = await post("/freeze?mode=hierarchy&maxWaitMs=2000");
    const { sweepMs, waitMs, ...counts } = await frozen.json();
    say(`frozen: sweep ${sweepMs} ms, wait ${waitMs} ms`);
    assert.deepEqual(counts, {
      ...{ mode: "hierarchy", visited: 3, allowlisted: 0, truncated: false },
      ...{ preFrozen: 0, requested: 2, frozen: 2, notFrozen: 0, failed: 0 },
      unobservable: 0,
    });
    assert.deepEqual(await containers(first), ALL_FROZEN);
    const count = await first.sh("cat /run/nested");
    const snapshot = await fleet.snapshot(first, "frozen by E2B");
    await fleet.kill(first);

    const fork = await fleet.restore(snapshot);
    await fork.cont();
    const forked = await fork.forward(E2B_PORT);
    // The kernel has told the agent that it is a fork; a wrong token still thaws nothing.
    await until(
      "the kernel's message",
      async () => await forksNoticed(fork) > 0,
      LIMIT,
    );
    await sleep(2 * GRACE_MS);
    assert.equal((await askE2b(forked, "/init", "guest")).status, 401);
    assert.deepEqual(await containers(fork), ALL_FROZEN);
    const { reply, aborted } = await initUntilReply(
      { port: forked },
      { envVars: { FORK: "1" }, accessToken: "host" },
    );
    say(`init: ${aborted} attempts were aborted`);
    assert.equal(reply.status, 204, reply.body);
    assert.deepEqual(JSON.parse(reply.headers.get("x-envd-freeze-audit")!), {
      ...{ visited: 7, frozen: 6, escaped: 0, violations: 0 },
      truncated: false,
    });
    assert.deepEqual(await containers(fork), ONE_PAUSED);
    await until(
      "the nested container to go on",
      async () => await fork.sh("cat /run/nested") !== count,
      LIMIT,
    );
    assert.equal(await fork.sh("cat /run/lull/env"), 'FORK="1"');
    assert.equal((await status(fork)).lastRecovery?.outcome, "restored");
  });
});

/** The port of the dialect's own listener. */
const E2B_PORT = AGENT_PORT + 1;

/**
 * Containers as they are in a machine: a service with a container in it, which has cgroups of its own
 * and a container that its owner has paused.
 */
const CONTAINERS = [
  "docker",
  "docker/a",
  "docker/a/init",
  "docker/a/b",
  "docker/a/paused",
];
const SERVICE = "service";

const ALL_FROZEN = [...CONTAINERS, SERVICE].map((name) => `${name} 1`);
const ONE_PAUSED = [...CONTAINERS, SERVICE].map((name) =>
  `${name} ${name === "docker/a/paused" ? 1 : 0}`
);

async function startContainers(machine: Machine): Promise<void> {
  await machine.sh(
    `cd /sys/fs/cgroup && mkdir -p ${[...CONTAINERS, SERVICE].join(" ")}
sh -c 'echo $$ >docker/a/b/cgroup.procs; i=0; while :; do i=$((i+1)); echo $i >/run/nested.new; mv /run/nested.new /run/nested; done' >/dev/null 2>&1 &
sh -c 'echo $$ >docker/a/paused/cgroup.procs; exec sleep 100000' >/dev/null 2>&1 &
sh -c 'echo $$ >${SERVICE}/cgroup.procs; exec sleep 100000' >/dev/null 2>&1 &
until [ -e /run/nested ]; do sleep 0.1; done
echo 1 >docker/a/paused/cgroup.freeze`,
  );
}

/** The cgroups of the containers, and whether the kernel reports each as frozen. */
async function containers(machine: Machine): Promise<string[]> {
  const text = await machine.sh(
    `cd /sys/fs/cgroup; for name in ${
      [...CONTAINERS, SERVICE].join(" ")
    }; do ` +
      `echo $name $(sed -n 's/^frozen //p' $name/cgroup.events); done`,
  );
  return text.trim().split("\n");
}

function askE2b(
  port: number,
  path: string,
  token: string,
): Promise<Response> {
  return fetch(`http://127.0.0.1:${port}${path}`, {
    ...{ method: "POST", keepalive: false },
    headers: { "x-access-token": token },
    signal: AbortSignal.timeout(LIMIT),
  });
}
