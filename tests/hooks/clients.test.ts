import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { oweKill } from "../support/cleanup.ts";
import { FREEZE, listeningRegistry, temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

const directory = temporary();
const path = join(directory.path, "hooks.sock");
const client = (name: string) =>
  fileURLToPath(new URL(`./clients/${name}`, import.meta.url).href);

const CLIENTS: [string, string[], RegExp][] = [
  ["python", ["python3", client("client.py")], /^freeze 7\nthaw 8\n$/],
  ["node", ["node", client("client.mjs")], /^freeze 7\nthaw 8\n$/],
  ["bun", ["bun", client("client.mjs")], /^freeze 7\nthaw 8\n$/],
  ["deno", ["deno", "run", "-A", client("client.mjs")], /^freeze 7\nthaw 8\n$/],
  ["shell", [client("client.sh")], /^freeze\nthaw\n$/],
];

function missing([command]: string[]): string | false {
  const needed = command.endsWith(".sh") ? "curl" : command;
  const found = spawnSync(needed, ["--version"]).status === 0;
  return found ? false : `${needed} is not installed`;
}

describe("the clients of the README", () => {
  let server: Awaited<ReturnType<typeof listeningRegistry>>;
  before(async () => server = await listeningRegistry(path));
  after(async () => {
    await server.socket.close();
    directory.remove();
  });

  for (const [name, command, expected] of CLIENTS) {
    const skip = missing(command);
    test(`${name} hears freeze and thaw${skip ? `: ${skip}` : ""}`, {
      skip,
    }, async () => {
      const { registry } = server;
      const program = start(command, name);
      try {
        const hook = await until("the client to take part", () => {
          if (program.exited()) throw new Error(program.output());
          return registry.hooks().find((hook) => hook.name === name);
        }, 15_000);
        const limits = { limitMs: 10_000 };
        const frozen = await hook.call(FREEZE, limits);
        assert.equal(frozen.status, "done", `${frozen.reason}`);
        const thawed = await hook.call(
          { ...FREEZE, phase: "thaw", generation: 8, outcome: "restored" },
          limits,
        );
        assert.equal(thawed.status, "done", `${thawed.reason}`);
        await until("both lines", () => expected.test(program.output()));
      } finally {
        program.kill();
      }
      await until(
        "the client to be forgotten",
        () => registry.list().every((listed) => listed.name !== name),
      );
    });
  }
});

function start([command, ...args]: string[], name: string) {
  const child: ChildProcess = spawn(command, [...args, path, name], {
    detached: true,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const debt = oweKill(-child.pid!);
  let output = "";
  let exited = false;
  child.stdout!.on("data", (text) => output += text);
  child.on("exit", () => exited = true);
  return {
    output: () => output,
    exited: () => exited,
    // with its own children: the shell's is curl
    kill: () => debt.settle(),
  };
}
