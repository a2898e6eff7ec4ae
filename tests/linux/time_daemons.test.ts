import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import { runningTimeDaemons } from "../../src/linux/time_daemons.ts";
import { trees } from "../install/tree.ts";
import { until } from "../support/until.ts";

const { tree, remove } = trees();
after(remove);

/** The daemons and the port of a server that the test runs for them. */
const PORT = 11_323;

const isThere = (name: string) =>
  spawnSync("sh", ["-c", `command -v ${name}`]).status === 0;

const skip = process.getuid?.() !== 0
  ? "only root may talk to chronyd"
  : isThere("chronyd") && isThere("chronyc")
  ? false
  : "chrony is not installed";

describe("the daemons that keep the clock right", () => {
  test("are none in a guest without them", () => {
    assert.deepEqual(runningTimeDaemons({ run: tree() }), []);
  });

  test("are not those that were killed", () => {
    const run = tree("chrony/chronyd.sock");
    assert.deepEqual(runningTimeDaemons({ run }), []);
    for (const pid of [process.pid, 4_000_000]) {
      writeFileSync(join(run, "chrony/chronyd.pid"), `${pid}\n`);
      assert.deepEqual(runningTimeDaemons({ run }), []);
    }
  });

  test("systemd-timesyncd is told by the kernel", () => {
    const run = tree();
    mkdirSync(join(run, "systemd/timesync"), { recursive: true });
    assert.deepEqual(runningTimeDaemons({ run }), [
      { name: "systemd-timesyncd", told: "the kernel cancelled its timer" },
    ]);
  });

  test("chrony drops its measurements", { skip }, async () => {
    const run = tree();
    const server = await startChrony(join(run, "server"), [
      ...[`port ${PORT}`, "local stratum 1", "allow 127.0.0.1"],
    ]);
    const client = await startChrony(join(run, "chrony"), [
      ...["port 0", `server 127.0.0.1 port ${PORT} iburst minpoll 0 maxpoll 0`],
    ]);
    try {
      const samples = () =>
        Number(
          execFileSync("chronyc", [
            ...["-n", "-c", "-h", client.socket, "sourcestats"],
          ], { encoding: "utf8" }).split(",")[1],
        );
      await until("measurements", () => samples() > 3, 20_000);
      const [daemon] = runningTimeDaemons({ run });
      assert.equal(daemon.name, "chrony");
      await daemon.tell!();
      assert.ok(samples() <= 1, `${samples()} measurements`);
      await client.end();
      assert.deepEqual(runningTimeDaemons({ run }), []);
      await assert.rejects(
        daemon.tell!(),
        /^Error: Cannot tell chrony that the clock was set: .*daemon/,
      );
    } finally {
      await client.end();
      await server.end();
    }
  });
});

/** Starts a chronyd that does not set the clock, and waits for its socket. */
async function startChrony(directory: string, lines: readonly string[]) {
  mkdirSync(directory, { mode: 0o700 });
  chmodSync(directory, 0o700);
  const socket = join(directory, "chronyd.sock");
  const pidFile = join(directory, "chronyd.pid");
  const config = join(directory, "chrony.conf");
  const own = ["cmdport 0", `bindcmdaddress ${socket}`, `pidfile ${pidFile}`];
  writeFileSync(config, [...lines, ...own, ""].join("\n"));
  const child = spawn("chronyd", ["-x", "-d", "-u", "root", "-f", config], {
    stdio: "ignore",
  });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  await until("chronyd", () => {
    if (child.exitCode !== null) throw new Error("chronyd ended");
    try {
      return Number(readFileSync(pidFile, "utf8")) === child.pid &&
        spawnSync("chronyc", ["-h", socket, "activity"]).status === 0;
    } catch {
      return false;
    }
  }, 20_000);
  const end = async () => {
    child.kill("SIGTERM");
    await ended;
  };
  return { socket, end };
}
