import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runLull } from "../../support/cli.ts";
import { sleep } from "../../../src/util/wait.ts";
import { until } from "../../support/until.ts";
import { health, LIMIT, restartAgent, stepOf } from "./agent.ts";
import { Fleet, KEEP_MEMORY } from "./fleet.ts";
import { agentPid, assertRightTime } from "./guest.ts";
import { AGENT_PORT } from "./hardware.ts";
import type { Variant } from "./image.ts";
import type { Machine, Snapshot } from "./machine.ts";
import { loadVsock, plugVsock, type VsockDevice, vsockFiles } from "./vsock.ts";
import { GUEST_CID, noDevice } from "./vsock_process.ts";

/** Milliseconds for a command in the guest: an emulated Deno starts slowly on a busy host. */
const COMMAND_LIMIT = 3 * LIMIT;
/** Milliseconds without an answer, after which the guest has no network: a slow guest needs seconds. */
const NO_ANSWER_MS = 10_000;

/** The first line of the reply that a program in the guest gets over vsock. */
async function askInside(
  machine: Machine,
  cid: number,
  request: string,
): Promise<string> {
  const words = `${request} HTTP/1.1\\r\\nHost: lull\\r\\n` +
    "Content-Length: 0\\r\\nConnection: close\\r\\n\\r\\n";
  return (await machine.sh(
    `printf '${words}' | timeout 100 socat -,ignoreeof VSOCK-CONNECT:${cid}:${AGENT_PORT} | head -n 1`,
  )).trim();
}

/** An agent that listens on vsock, and a host that reaches it only there. One machine does it all. */
export function vsockSuite(variant: Variant): void {
  if (noDevice) {
    test(`vsock on ${variant}`, { skip: noDevice }, () => {});
    return;
  }
  describe(`vsock on ${variant}`, () => {
    const fleet = new Fleet(variant, {
      name: `vsock-${variant}`,
      extra: vsockFiles(),
      memoryFile: "lazy", // the device is another process, which shares it
      hotplug: true,
      flags: [
        "--no-forward-ports",
        `--listen=vsock:${AGENT_PORT},0.0.0.0:${AGENT_PORT}`,
        ...KEEP_MEMORY,
      ],
    });
    async function withVsock(): Promise<Machine> {
      const machine = await fleet.copy();
      const { stdout } = await machine.exec("grep vsock /run/lull.log");
      const said = stdout.split("\n").filter((line) =>
        line.includes("this kernel has no vsock")
      );
      assert.equal(said.length, 1, stdout);
      await loadVsock(machine);
      await restartAgent(machine, "TERM");
      return machine;
    }

    fleet.test("the host is served, the guest's programs are not, and forks recover with no network", async () => {
      const { machine, device: plugged } = await plugVsock(withVsock, fleet);
      await using device = plugged;
      await refuse(machine, device);
      await callByCommandLine(machine, device, variant);
      await serve(machine, device);
      const { generation } = await health(machine);
      const snapshot = await snapshotOverVsock(fleet, machine, device);
      // What a second fork of one snapshot gets does not depend on the runtime.
      for (const number of variant === "bun" ? [1, 2] : [1]) {
        await recoverFork(fleet, snapshot, number, generation + 1);
      }
    });
  });
}

/** Programs of the guest, and browsers, control nothing. */
async function refuse(machine: Machine, device: VsockDevice): Promise<void> {
  const { generation } = await health(machine);
  for (const cid of [1, GUEST_CID]) {
    for (const path of ["/snapshot/prepare", "/snapshot/recover"]) {
      const line = await askInside(machine, cid, `POST ${path}`);
      assert.equal(line, "HTTP/1.1 403 Forbidden", `${cid} ${path}`);
    }
    const line = await askInside(machine, cid, "GET /health");
    assert.equal(line, "HTTP/1.1 200 OK");
  }
  const browser = await device.ask("POST", "/snapshot/prepare", {}, {
    origin: "http://x",
  });
  assert.equal(browser.status, 403);
  assert.equal((await health(machine)).generation, generation);
}

/** The command line over both ways: the host's device, and AF_VSOCK. */
async function callByCommandLine(
  machine: Machine,
  device: VsockDevice,
  variant: Variant,
): Promise<void> {
  const { generation } = await health(machine);
  const url = `--url=fc:${device.path}:${AGENT_PORT}`;
  const { code, stdout } = runLull(["status", url]);
  assert.equal(code, 0);
  assert.match(stdout, /^state +running\n/);
  const inside = (command: string) =>
    machine.exec(
      `lull ${command} --url=vsock:1:${AGENT_PORT}`,
      COMMAND_LIMIT,
    );
  assert.match((await inside("status")).stdout, /^state +running\n/);
  if (variant === "deno") return; // the rest is the same code
  assert.equal((await inside("prepare")).code, 1);
  for (const call of [["prepare"], ["recover", "--outcome=resumed"]]) {
    const { code, stderr } = runLull([...call, url]);
    assert.equal(code, 0, stderr);
  }
  assert.equal((await health(machine)).generation, generation + 1);
}

/** An idle connection is closed at the prepare; that of the prepare and a stream of events stay. */
async function serve(machine: Machine, device: VsockDevice): Promise<void> {
  const { generation } = await health(machine);
  const watcher = await device.open();
  watcher.request("GET", "/snapshot/events");
  const says = (text: string) =>
    until(text, () => watcher.received.includes(text), LIMIT);
  await says("running");
  const [idle, host] = [await device.open(), await device.open()];
  idle.request("GET", "/health");
  assert.equal((await idle.response(LIMIT)).status, 200);
  host.request("POST", "/snapshot/prepare?wait=settled");
  assert.equal((await host.response(LIMIT)).status, 200);
  await idle.gone();
  assert.equal(host.closed, false);
  for (const _ of [1, 2]) {
    host.request("GET", "/snapshot");
    const { status, json } = await host.response(LIMIT);
    assert.equal(status, 200);
    assert.equal(json<{ state: string }>().state, "quiesced");
  }
  host.destroy();
  // A program of the guest does not undo it.
  assert.match(await askInside(machine, 1, "GET /health"), / 200 /);
  await says("quiesced");
  await assertRests(machine);
  assert.equal(watcher.closed, false);
  assert.equal((await health(machine)).generation, generation + 1);
  await says("\r\n0\r\n\r\n");
  watcher.destroy();
}

/** Waits for three seconds in which no thread of the agent wakes up. */
async function assertRests(machine: Machine): Promise<void> {
  const pid = await agentPid(machine);
  // Voluntary context switches of each thread so far: each is a wakeup.
  const count = () => machine.sh(`grep ^voluntary /proc/${pid}/task/*/status`);
  let before = await count();
  await until("an agent that rests", async () => {
    await sleep(3000);
    const now = await count();
    if (now === before) return true;
    before = now;
    return false;
  }, LIMIT);
}

/** Prepares over vsock while the guest has no network, and takes a snapshot. */
async function snapshotOverVsock(
  fleet: Fleet,
  source: Machine,
  device: VsockDevice,
): Promise<Snapshot> {
  await source.sh("(sleep 0.2; ip link set eth0 down) >/dev/null 2>&1 &");
  const prepared = await until("a guest without network", async () => {
    const reply = await source.fetch("/health", {
      signal: AbortSignal.timeout(NO_ANSWER_MS),
    }).catch(() => undefined);
    return reply === undefined &&
      await device.ask("POST", "/snapshot/prepare", { operation: "fork" });
  }, LIMIT);
  assert.ok(prepared);
  assert.equal(prepared.status, 204);
  assert.equal(prepared.headers.get("lull-operation"), "fork");
  await until(
    "the settle",
    async () =>
      (await device.ask("GET", "/snapshot"))
        .json<{ settled: boolean }>().settled,
    LIMIT,
  );
  await device.unplug();
  const snapshot = await fleet.snapshot(source, "over vsock");
  await fleet.kill(source);
  return snapshot;
}

/** Recovers a fork over vsock, and reaches it over the network that it got there. */
async function recoverFork(
  fleet: Fleet,
  snapshot: Snapshot,
  number: number,
  generation: number,
): Promise<void> {
  const { machine: fork, device: plugged } = await plugVsock(async () => {
    const fork = await fleet.restore(snapshot, "same");
    await fork.cont();
    return fork;
  }, fleet);
  await using device = plugged;
  const address = `10.0.2.${20 + number}`;
  const reply = await device.ask("POST", "/snapshot/recover", {
    operation: "fork",
    outcome: "restored",
    hostTime: Date.now(),
    entropy: crypto.getRandomValues(new Uint8Array(32)).toBase64(),
    network: {
      interface: "eth0",
      address: `${address}/24`,
      gateway: "10.0.2.2",
      hostname: `fork-${number}`,
    },
  });
  assert.equal(reply.status, 200, reply.body);
  const { recovery } = reply.json<{
    recovery: {
      outcome: string;
      steps: { name: string; status: string }[];
    };
  }>();
  assert.equal(recovery.outcome, "restored");
  for (const name of ["entropy", "clock", "network"]) {
    const step = stepOf(recovery.steps, name);
    assert.equal(step.status, "done", JSON.stringify(step));
  }
  // And now the network is there.
  await fork.reach(address);
  assert.equal(await fork.sh("hostname"), `fork-${number}`);
  assert.equal((await health(fork)).generation, generation);
  await assertRightTime(fork, 10_000);
  await fleet.kill(fork);
}
