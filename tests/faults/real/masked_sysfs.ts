import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestCgroup, withoutCgroups } from "../../support/cgroup.ts";

interface Step {
  name: string;
  status: string;
  reason?: string;
}

/** Runs what follows in mounts of its own, after the script. */
function behind(script: string): string[] {
  const words = `set -e; mount --make-rprivate /; ${script}; exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", words, "sh"];
}

const READ_ONLY = behind(
  `awk '$2 ~ "^/sys" { print $2 }' /proc/self/mounts | ` +
    'while read -r at; do mount -o remount,bind,ro "$at"; done',
);
const NO_SETTINGS = behind("mount -t tmpfs none /proc/sys");

function works([program, ...args]: string[]): boolean {
  return spawnSync(program, [...args, "true"]).status === 0;
}

function stepOf(steps: Step[], name: string): Step {
  const step = steps.find((step) => step.name === name);
  assert.ok(step, `there is a step ${name}`);
  return step;
}

/** An agent that the kernel's files are kept from. */
export function maskedSysfs(target: Target): void {
  describe(`a masked /sys, on ${target}`, () => {
    const isolated = works(READ_ONLY) && works(NO_SETTINGS)
      ? false
      : "mounts of one's own are not allowed here";

    test(
      "/sys read-only: a workload that cannot be frozen fails the prepare, and nothing else",
      { skip: isolated || withoutCgroups() },
      async () => {
        using group = new TestCgroup();
        await group.run("exec sleep inf");
        const agent = await TestAgent.start(
          target,
          [`--workload-cgroup=${basename(group.path)}`],
          {},
          READ_ONLY,
        );
        try {
          for (let round = 0; round < 2; round++) {
            const reply = await agent.ask("POST", "/snapshot/prepare");
            assert.equal(reply.status, 503, reply.body);
            assert.match(reply.json<{ detail: string }>().detail, /EROFS/);
            const status = await agent.status();
            assert.equal(status.state, "running");
            assert.equal(status.keepAlive, true);
            assert.equal((await agent.health()).status, 200);
          }
          assert.ok(!group.frozen);
        } finally {
          await agent.stop();
        }
      },
    );

    test("nothing under /proc/sys: what needs it says so, the rest works", {
      skip: isolated,
    }, async () => {
      const agent = await TestAgent.start(
        target,
        ["--drop-caches=pagecache", "--compact-memory"],
        {},
        NO_SETTINGS,
      );
      try {
        for (let round = 0; round < 2; round++) {
          const reply = await agent.settle();
          assert.equal(reply.status, 200, reply.body);
          const { steps } = reply.json<{ steps: Step[] }>();
          const memory = stepOf(steps, "memory");
          assert.equal(memory.status, "skipped");
          assert.match(
            memory.reason ?? "",
            /\/proc\/sys\/vm may not be written/,
          );
          for (const rest of ["filesystem", "connections", "collect"]) {
            assert.equal(stepOf(steps, rest).status, "done", rest);
          }
          assert.equal((await agent.health()).status, 200);
          assert.equal((await agent.status()).state, "running");
        }
      } finally {
        await agent.stop();
      }
    });
  });
}
