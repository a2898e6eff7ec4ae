/**
 * The part of main.ts that runs in namespaces of its own: an agent, and
 * schemathesis that calls it.
 * `inside.ts SCHEMATHESIS JUNIT`
 * @module
 */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { TestAgent } from "../support/agent.ts";

/** Seconds that it takes in all. */
const SECONDS = 75;
/** Calls of each route, and chains of calls, before a phase ends. */
const EXAMPLES = 30;
const TOKEN = "secret";

// capability.h
const CAP_SYS_TIME = 25n;

/** Fails where a call could change the real machine. */
function assertHarmless(): void {
  const { OUTSIDE } = process.env;
  assert.ok(OUTSIDE !== undefined, "Cannot run here: start main.ts");
  assert.notEqual(readlinkSync("/proc/self/ns/net"), OUTSIDE);
  const status = readFileSync("/proc/self/status", "utf8");
  for (const set of ["CapPrm", "CapEff", "CapBnd"]) {
    const bits = new RegExp(`^${set}:\\s*(\\w+)$`, "m").exec(status)![1];
    assert.equal(BigInt(`0x${bits}`) >> CAP_SYS_TIME & 1n, 0n, set);
  }
}

function ip(words: string): void {
  execFileSync("ip", words.split(" "), { stdio: "inherit" });
}

/** A machine whose addresses, names and keys may change: they are its own. */
function makeMachine(directory: string): void {
  ip("link set lo up");
  ip("link add eth0 type veth peer name eth1");
  ip("addr add 10.0.2.15/24 dev eth0");
  ip("link set eth0 up");
  ip("link set eth1 up");
  ip("route add default via 10.0.2.2");
  // resolv.conf is replaced by renaming: the whole folder has to be its own.
  const etc = join(directory, "etc");
  cpSync("/etc", etc, { recursive: true, verbatimSymlinks: true });
  execFileSync("mount", ["--bind", etc, "/etc"], { stdio: "inherit" });
  // The identity of this machine, and its services, are not there.
  const memory = join(directory, "memory");
  mkdirSync(memory);
  for (const path of ["/run", "/var/lib", memory]) {
    execFileSync("mount", ["-t", "tmpfs", "tmpfs", path], { stdio: "inherit" });
  }
  process.env.TMPDIR = memory;
}

/** The calls; the exit code of schemathesis. */
async function callAll(agent: TestAgent, directory: string): Promise<number> {
  const [schemathesis, junit] = process.argv.slice(2);
  const authorization = `Bearer ${TOKEN}`;
  // From a file: of a URL the route would be left out.
  const document = join(directory, "openapi.json");
  const reply = await agent.ask("GET", "/openapi.json", "", { authorization });
  writeFileSync(document, reply.body);
  // Not in sync: the log of the agent has to be read meanwhile.
  const child = spawn(schemathesis, [
    ...["--config-file", join(import.meta.dirname!, "schemathesis.toml")],
    ...["run", document, `--url=http://127.0.0.1:${agent.port}`],
    `--header=Authorization: ${authorization}`,
    "--checks=all",
    ...[`--max-time=${SECONDS}`, `--max-examples=${EXAMPLES}`],
    // The stream of events does not end while the guest runs.
    "--exclude-path=/snapshot/events",
    // These are about the speed of the generator, and of this machine.
    "--suppress-health-check=all",
    "--generation-database=none",
    ...["--report=junit", `--report-junit-path=${junit}`],
    "--no-color",
  ], { stdio: "inherit", env: { ...process.env, NO_PROXY: "*" } });
  const [status] = await once(child, "close");
  return status ?? 1;
}

/** What no check of schemathesis looks at. */
function assertSound(agent: TestAgent): void {
  const errors = agent.lines().filter(({ message }) =>
    message === "request failed"
  );
  assert.deepEqual(errors, []);
  assert.equal(agent.exitCode, 0);
}

assertHarmless();
const directory = mkdtempSync(join(tmpdir(), "lull-inside-"));
makeMachine(directory);
const tokenFile = join(directory, "token");
writeFileSync(tokenFile, TOKEN, { mode: 0o600 });
const agent = await TestAgent.start("binary", [
  "--no-forward-ports",
  "--hook-directories=",
  "--log-level=info",
  `--token-file=${tokenFile}`,
]);
let code = 1;
try {
  code = await callAll(agent, directory);
} finally {
  await agent.stop();
}
assertSound(agent);
process.exit(code);
