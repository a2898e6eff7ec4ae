/**
 * The log is a file on a disk that a killed agent left frozen. A write to it would block the next
 * agent, which is the one that thaws the disk.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { TestDisk, withoutDisks } from "../../support/disk.ts";
import { temporary } from "../../support/hooks.ts";
import { overUnix } from "../../support/over_unix.ts";
import { until } from "../../support/until.ts";

/** Declares the tests for one target. */
export function frozenLog(target: Target): void {
  const skip = withoutDisks();
  const why = skip ? `: ${skip}` : "";
  describe(`a log on a frozen disk, on ${target}${why}`, { skip }, () => {
    test("does not block the agent that thaws the disk", async () => {
      using disk = new TestDisk();
      const directory = temporary();
      const run = join(directory.path, "run");
      const log = join(disk.mountPoint, "log");
      const socket = join(directory.path, "lull.sock");
      const launch = () =>
        TestAgent.launch(
          target,
          [
            `--listen=unix:${socket}`,
            `--runtime-directory=${run}`,
            `--freeze-mounts=${disk.mountPoint}`,
            "--freeze-hold-ms=600000",
          ],
          {},
          ["sh", "-c", 'exec "$@" 2>> "$0"', log],
        );
      const answers = (method: string, path: string) =>
        until("an answer", async () => {
          const reply = await overUnix(socket, method, path)
            .catch(() => undefined);
          return reply?.status === 204 || reply?.status === 200;
        }, 30_000);
      const agents = [launch()];
      try {
        await answers("GET", "/health");
        await answers("POST", "/snapshot/prepare?kind=disk");
        assert.ok(await disk.frozen());
        agents[0].kill("SIGKILL");
        await until("its end", () => agents[0].exitCode !== undefined);
        // The next agent cannot lock this, and logs so at the very start.
        rmSync(join(run, "lock"));
        mkdirSync(join(run, "lock"));
        agents.push(launch());
        await answers("GET", "/health");
        assert.ok(await disk.takesWrites());
        const text = readFileSync(log, "utf8");
        assert.match(text, /the runtime directory could not be locked/);
        assert.match(text, /undid what a killed agent had left/);
      } finally {
        disk.thaw(); // or the end of an agent that waits for it never comes
        for (const agent of agents) agent.kill("SIGKILL");
        for (const agent of agents) await agent.stop();
        directory.remove();
      }
    });
  });
}
