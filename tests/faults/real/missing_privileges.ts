import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  realpathSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { commandOf, type Target, TestAgent } from "../../support/agent.ts";
import { owe } from "../../support/cleanup.ts";
import { temporary } from "../../support/hooks.ts";
import { which } from "../../vm/support/run.ts";
import { round, statusOf, withoutFfi, works } from "./round.ts";

const DROP = [
  "setpriv",
  "--bounding-set=-all",
  "--inh-caps=-all",
  "--ambient-caps=-all",
];
const cannotDrop = works(DROP[0], ...DROP.slice(1), "true")
  ? false
  : "capabilities cannot be dropped here";

const SMALL_DISK = [
  ...["mount", "-t", "tmpfs", "-o", "size=4k", "lull"],
] as [string, ...string[]];

/** What Bun needs to run the sources. */
const SOURCES = [
  "main.ts",
  "src",
  "node_modules",
  "deno.json",
  "tsconfig.json",
];

/**
 * The command that runs the agent as a user without rights. The project may be in root's home
 * directory, so the agent and its runtime are copied into `directory`. The shell replaces the
 * command of the target, which ends with the path of the agent, by the one of the copy.
 */
function asPlainUser(target: Target, directory: string): string[] {
  const command = commandOf(target);
  const copy = (from: string, name: string) => {
    const to = join(directory, name);
    cpSync(realpathSync(from), to, {
      ...{ recursive: true, verbatimSymlinks: true },
    });
    return to;
  };
  const root = fileURLToPath(new URL("../../../", import.meta.url).href);
  const agent = () => {
    // Deno would look for the packages of the sources in the cache of root.
    if (target === "deno") {
      return join(copy(join(root, "dist/deno"), "bundle"), "main.js");
    }
    for (const name of SOURCES) copy(join(root, name), name);
    return join(directory, "main.ts");
  };
  const copied = target === "binary" ? [copy(command[0], "lull")] : [
    ...[copy(which(command[0])!, "runtime"), ...command.slice(1, -1)],
    agent(),
  ];
  spawnSync("chmod", ["-R", "a+rX", directory]);
  const drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
  const script = `cd /; shift ${command.length}; exec ${copied.join(" ")} "$@"`;
  return [...drop, "--", "sh", "-c", script, "sh"];
}

/** An agent that lacks something. */
export function missingPrivileges(target: Target): void {
  describe(`missing privileges, on ${target}`, () => {
    const directory = temporary();

    test("no capability: what needs one says so, the rest works", {
      skip: cannotDrop,
    }, async () => {
      const agent = await TestAgent.start(target, [], {}, DROP);
      try {
        const steps = await round(agent);
        for (const name of ["ports", "connections", "parallelism"]) {
          assert.equal(statusOf(steps, name), "done", name);
        }
        assert.ok(steps.some(({ status }) => status === "skipped"));
        await round(agent);
      } finally {
        await agent.stop();
      }
    });

    test("a plain user: what needs root says so, the rest works", {
      skip: cannotDrop,
    }, async () => {
      const agent = await TestAgent.start(
        target,
        ["--runtime-directory=/run/lull-no-rights", "--hooks-socket="],
        // Deno's cache, and the directory of the process, must be readable.
        { DENO_DIR: join(directory.path, "cache") },
        asPlainUser(target, directory.path),
      );
      try {
        const steps = await round(agent);
        for (const name of ["connections", "parallelism", "collect"]) {
          assert.equal(statusOf(steps, name), "done", name);
        }
        await round(agent);
      } finally {
        await agent.stop();
      }
    });

    test("no FFI: what needs the C library is skipped, the rest works", async () => {
      const { env, prefix } = withoutFfi(target);
      const agent = await TestAgent.start(target, [], env, prefix);
      try {
        assert.ok(agent.output.includes("C library could not be loaded"));
        const steps = await round(agent);
        assert.equal(statusOf(steps, "parallelism"), "skipped");
        assert.equal(statusOf(steps, "connections"), "done");
        await round(agent);
      } finally {
        await agent.stop();
      }
    });

    test("a runtime directory that cannot be written: said, and no more", async () => {
      const agent = await TestAgent.start(target, [
        "--runtime-directory=/proc/lull",
        "--hooks-socket=/proc/lull.sock",
      ]);
      try {
        assert.ok(agent.output.includes("Cannot listen on the hooks socket"));
        const steps = await round(agent);
        assert.equal(statusOf(steps, "generation"), "failed");
        await round(agent);
      } finally {
        await agent.stop();
      }
    });

    after(() => directory.remove());
    test(
      "a runtime directory that is full: said, and it works once it is not",
      {
        skip: works("unshare", "--mount", ...SMALL_DISK, "/tmp")
          ? false
          : "a tmpfs cannot be mounted here",
      },
      async () => {
        const full = join(directory.path, "full");
        mkdirSync(full);
        assert.ok(works(...SMALL_DISK, full));
        const debt = owe(`umount -l ${full}\n`);
        const stuffing = join(full, "stuffing");
        writeFileSync(stuffing, "x".repeat(4096));
        const agent = await TestAgent.start(target, [
          `--runtime-directory=${full}`,
        ]);
        try {
          assert.equal(statusOf(await round(agent), "generation"), "failed");
          spawnSync("rm", [stuffing]);
          assert.equal(statusOf(await round(agent), "generation"), "done");
          assert.ok(existsSync(join(full, "generation")));
        } finally {
          await agent.stop();
          debt.settle();
        }
      },
    );
  });
}
