import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { LullClient } from "../../src/client/mod.ts";
import { TestAgent } from "../support/agent.ts";
import { temporary } from "../support/hooks.ts";

/**
 * What an agent that forwards no ports must not load: commands, clients, vsock, and what a request or
 * an option switches on. The beginnings of paths below src.
 */
const SWITCHED_ON = [
  ...["release/", "cli/", "client/", "doctor/", "install/"],
  ...["runtime/bun/vsock/", "runtime/bun/connect_vsock.ts"],
  ...["http/routes/events.ts", "connections/streams.ts", "http/routes/openapi"],
  ...["mailbox/", "agent/mailbox.ts", "steps/mailbox.ts"],
  ...["lifecycle/trace.ts", "memory/published_set.ts"],
  ...["network/fork.ts", "network/link.ts", "network/managers.ts"],
  "network/in_place.ts",
  ...["network/moved_addresses.ts", "connections/reply_way.ts"],
  ...["dialects/", "agent/dialects.ts", "memory/collapse.ts"],
  ...["steps/workload_tree.ts", "linux/cgroup_tree.ts"],
  ...["identity/renewer.ts", "identity/guest.ts", "identity/credentials.ts"],
  ...["identity/traces.ts", "linux/mount.ts", "linux/receive_buffers.ts"],
  ...["hooks/routes.ts", "hooks/process.ts", "hooks/executable.ts"],
  ...["hooks/requests.ts", "linux/elf.ts"],
  ...["steps/workload_freeze.ts", "steps/frozen_workload.ts"],
  ...["steps/cgroup_freeze.ts", "linux/cgroup.ts"],
  ...["agent/ports.ts", "ports/", "linux/bpf", "linux/aio_poll.ts"],
];

const preload = fileURLToPath(
  new URL("../support/loaded_modules.ts", import.meta.url).href,
);

/** The modules below src that the agent has loaded so far. */
function loadedBy(list: string): string[] {
  const lines = readFileSync(list, "utf8").trim().split("\n");
  const paths = lines.map((path) => path.slice(path.lastIndexOf("/src/") + 5));
  return [...new Set(paths)];
}

const isSwitchedOn = (path: string) =>
  SWITCHED_ON.some((part) => path.startsWith(part));

const src = fileURLToPath(new URL("../../src", import.meta.url).href);

describe("modules", () => {
  test("that must not be loaded exist", () => {
    const files = readdirSync(src, { recursive: true, encoding: "utf8" });
    const gone = SWITCHED_ON.filter((part) =>
      !files.some((file) => file.startsWith(part))
    );
    assert.deepEqual(gone, []);
  });

  test("of vsock are loaded for a port of vsock, also without vsock in the kernel", async () => {
    const directory = temporary();
    try {
      const list = join(directory.path, "modules");
      const listen = "--listen=127.0.0.1:0,vsock:49983";
      await using agent = await TestAgent.start("bun", [listen], {
        BUN_OPTIONS: `--preload=${preload}`,
        LOADED_MODULES: list,
      });
      assert.equal((await agent.health()).status, 200);
      assert.ok(loadedBy(list).includes("runtime/bun/vsock/serve.ts"));
    } finally {
      directory.remove();
    }
  });

  test("of the dialects, only those that are on are loaded", async () => {
    const directory = temporary();
    try {
      const list = join(directory.path, "modules");
      await using agent = await TestAgent.start("bun", ["--dialects=wrenn"], {
        BUN_OPTIONS: `--preload=${preload}`,
        LOADED_MODULES: list,
      });
      assert.equal((await agent.ask("POST", "/init")).status, 204);
      const loaded = loadedBy(list);
      assert.ok(loaded.includes("dialects/wrenn/dialect.ts"));
      assert.deepEqual(loaded.filter((path) => path.includes("e2b")), []);
    } finally {
      directory.remove();
    }
  });

  test("what is not switched on is not loaded in a whole round", async () => {
    const directory = temporary();
    try {
      const list = join(directory.path, "modules");
      await using agent = await TestAgent.start("bun", ["--no-forward-ports"], {
        BUN_OPTIONS: `--preload=${preload}`,
        LOADED_MODULES: list,
      });
      assert.equal((await agent.settle()).status, 200);
      assert.equal((await agent.health()).status, 200);
      const loaded = loadedBy(list);
      assert.ok(loaded.includes("lifecycle/plan.ts"));
      assert.deepEqual(loaded.filter(isSwitchedOn), []);

      // The check can fail: a request for the document, or for events, loads the modules.
      assert.equal((await agent.ask("GET", "/openapi.json")).status, 200);
      const client = new LullClient(`http://127.0.0.1:${agent.port}`);
      for await (const { state } of client.events()) {
        assert.equal(state, "running");
        break;
      }
      const later = loadedBy(list).filter(isSwitchedOn);
      for (
        const name of [
          "http/routes/openapi.ts",
          "http/routes/events.ts",
          "connections/streams.ts",
        ]
      ) assert.ok(later.includes(name), later.join());
    } finally {
      directory.remove();
    }
  });
});
