/**
 * The forwarder beside socat doing the same: bytes, connections, latency, and
 * what health checks notice of it.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { FORWARD_ADDRESS, TestAgent } from "../support/agent.ts";
import { until } from "../support/until.ts";
import { which } from "../vm/support/run.ts";
import { TARGETS } from "./native.ts";
import { cpuMs } from "./process.ts";
import type { Report } from "./report.ts";
import { median, quantile } from "./stats.ts";

const PART = "forwarder";
const TOOL = join(import.meta.dirname ?? ".", "load_tool.ts");
const BYTES = 512 * 2 ** 20;
const REPEATS = 5;
const LOAD_MS = 1000;
const LANES = 8;
const HEALTH_CHECKS = 300;
const AGENT_ADDRESS = FORWARD_ADDRESS;
const SOCAT_ADDRESS = "127.0.0.3";

type Values = Record<string, number | string>;

/** Runs it all. */
export async function forwarder(report: Report): Promise<void> {
  if (which("socat") === undefined) {
    report.add(PART, "not measured", "", { why: "there is no socat" });
    return;
  }
  const children: ChildProcess[] = [];
  const run = (command: string, ...args: string[]) => {
    const child = spawn(command, args, {
      stdio: ["ignore", "ignore", "ignore"],
    });
    children.push(child);
    return child;
  };
  const agents: TestAgent[] = [];
  try {
    const echo = await freePort();
    const source = await freePort();
    run(process.execPath, TOOL, "echo", `${echo}`);
    run(
      "socat",
      "-b",
      "262144",
      "-u",
      "OPEN:/dev/zero",
      `TCP-LISTEN:${source},bind=127.0.0.1,fork,reuseaddr`,
    );
    for (const port of [echo, source]) {
      run(
        "socat",
        `TCP-LISTEN:${port},bind=${SOCAT_ADDRESS},fork,reuseaddr,backlog=1024,nodelay`,
        `TCP:127.0.0.1:${port},nodelay`,
      );
      await reachable(SOCAT_ADDRESS, port);
    }
    const rows = new Map<string, [string, Values]>();
    const note: Note = (name, unit, column, value) => {
      if (!rows.has(name)) rows.set(name, [unit, {}]);
      rows.get(name)![1][column] = value;
    };
    for (const [column, target] of TARGETS) {
      const agent = await TestAgent.start(target, ["--log-level=info"]);
      agents.push(agent);
      for (const port of [echo, source]) await reachable(AGENT_ADDRESS, port);
      await sides(
        note,
        [[column, AGENT_ADDRESS], [
          column === TARGETS[0][0] ? "socat" : "socat beside deno",
          SOCAT_ADDRESS,
        ]],
        echo,
        source,
      );
      await withHealth(note, column, agent, source);
      await agent.stop();
    }
    for (const [name, [unit, values]] of rows) {
      report.add(PART, name, unit, values);
    }
  } finally {
    for (const agent of agents) await agent.stop();
    for (const child of children) child.kill("SIGKILL");
  }
}

type Note = (
  name: string,
  unit: string,
  column: string,
  value: number | string,
) => void;

/** Turn by turn, so that what else the machine does hits both alike. */
async function sides(
  note: Note,
  list: [string, string][],
  echo: number,
  source: number,
): Promise<void> {
  const speeds = new Map<string, number[]>();
  const rates = new Map<string, number[]>();
  const singles = new Map<string, number[]>();
  const pings = new Map<string, number[]>();
  const put = (map: Map<string, number[]>, key: string, values: number[]) =>
    map.set(key, [...map.get(key) ?? [], ...values]);
  for (let i = 0; i < REPEATS; i++) {
    for (const [column, host] of list) {
      put(speeds, column, [await transfer(host, source)]);
      const many = await tool("connects", host, echo, LOAD_MS, LANES);
      put(rates, column, [many.length / (LOAD_MS / 1000)]);
      put(singles, column, await tool("connects", host, echo, LOAD_MS / 4, 1));
      put(pings, column, await tool("pings", host, echo, LOAD_MS / 4));
    }
  }
  for (const [column] of list) {
    const of = (map: Map<string, number[]>) => map.get(column) ?? [];
    note("throughput", "MB/s", column, median(of(speeds)));
    note("new connections", "1/s", column, median(of(rates)));
    note("a new connection, p50", "ms", column, median(of(singles)));
    note("a new connection, p99", "ms", column, quantile(of(singles), 0.99));
    note("a byte and back, p50", "ms", column, median(of(pings)));
    note("a byte and back, p99", "ms", column, quantile(of(pings), 0.99));
  }
}

/** MB per second from the source to a sink, through the host's forwarder. */
async function transfer(host: string, port: number): Promise<number> {
  const start = performance.now();
  const child = spawn("socat", [
    "-b",
    "262144",
    "-u",
    `TCP:${host}:${port},readbytes=${BYTES}`,
    "OPEN:/dev/null",
  ]);
  await ended(child, "the sink");
  return BYTES / 1000 / (performance.now() - start);
}

async function tool(...words: (string | number)[]): Promise<number[]> {
  const child = spawn(process.execPath, [TOOL, ...words.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout?.on("data", (chunk) => text += chunk);
  await ended(child, words.join(" "));
  return JSON.parse(text);
}

function ended(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on(
      "close",
      (code) =>
        code === 0
          ? resolve()
          : reject(new Error(`Cannot run ${what}: ${code}`)),
    );
  });
}

/** Health checks while nothing happens, and while bytes move as fast as they can. */
async function withHealth(
  note: Note,
  column: string,
  agent: TestAgent,
  source: number,
): Promise<void> {
  const idle = await healthTimes(agent);
  const mover = spawn("socat", [
    "-b",
    "262144",
    "-u",
    `TCP:${AGENT_ADDRESS}:${source}`,
    "OPEN:/dev/null",
  ], { stdio: "ignore" });
  try {
    const before = cpuMs(agent.pid);
    await until("bytes to move", () => cpuMs(agent.pid) > before + 50);
    const busy = await healthTimes(agent);
    for (
      const [when, times] of [["idle", idle], ["forwarding", busy]] as const
    ) {
      note(`health while ${when}, p50`, "ms", column, median(times));
      note(`health while ${when}, p99`, "ms", column, quantile(times, 0.99));
    }
  } finally {
    mover.kill("SIGKILL");
  }
}

/** One connection, as a host that polls would keep it. */
async function healthTimes(agent: TestAgent): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < HEALTH_CHECKS; i++) {
    const start = performance.now();
    const response = await fetch(`http://127.0.0.1:${agent.port}/health`);
    await response.arrayBuffer();
    times.push(performance.now() - start);
  }
  return times;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function reachable(host: string, port: number): Promise<void> {
  await until(`${host}:${port}`, () =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host, port }, () => {
        socket.destroy();
        resolve(true);
      });
      socket.on("error", () => resolve(false));
    }), 10_000);
}
