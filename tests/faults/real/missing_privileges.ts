import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Target, TestAgent } from "../../support/agent.ts";
import { owe } from "../../support/cleanup.ts";
import { temporary } from "../../support/hooks.ts";
import { round, statusOf, works } from "./round.ts";

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
      skip: cannotDrop ||
        (target === "binary"
          ? false
          : "the runtime and its packages are root's; the binary is tested"),
    }, async () => {
      // Where a plain user may come: the project may lie in root's home.
      const binary = join(directory.path, "lull");
      copyFileSync(
        fileURLToPath(new URL("../../../dist/lull", import.meta.url).href),
        binary,
      );
      chmodSync(directory.path, 0o755);
      chmodSync(binary, 0o755);
      const user = ["setpriv", "--reuid=65534", "--regid=65534"];
      const agent = await TestAgent.start(
        target,
        [
          "--runtime-directory=/run/lull-that-nobody-may-make",
          "--hooks-socket=",
        ],
        {},
        [
          ...[...user, "--clear-groups", "--", "sh", "-c"],
          // $1 is the path that the test knows.
          ...['shift; exec "$0" "$@"', binary],
        ],
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

    test("no FFI: what needs the C library is skipped, the rest works", {
      skip: target === "deno" ? "Deno has no switch for it" : false,
    }, async () => {
      const agent = await TestAgent.start(target, [], { BUN_JSC_useJIT: "0" });
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
