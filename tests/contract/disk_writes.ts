/**
 * What a prepare and a recovery write to disks: nothing. The kernel counts the bytes.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statfsSync } from "node:fs";
import process from "node:process";
import { describe, test } from "node:test";
import { KINDS } from "../../src/lifecycle/request.ts";
import { type Target, TestAgent } from "../support/agent.ts";
import { until } from "../support/until.ts";

/** statfs(2) */
const TMPFS_MAGIC = 0x01021994;
const MEMORY = "/dev/shm";

/**
 * Runs a program in a mount namespace in which every disk is read-only, and its runtime directory a
 * tmpfs. It ends with 9 if a disk can still be written.
 */
const READ_ONLY = `
mount --make-rprivate / || exit 9
while read -r id parent device root point options rest; do
  case $device in 0:*) continue ;; esac
  mount -o remount,bind,ro "$point" || exit 9
done </proc/self/mountinfo
for word in "$@"; do
  case $word in
    --runtime-directory=*) mount -t tmpfs run "\${word#*=}" || exit 9 ;;
  esac
done
touch /lull-probe 2>/dev/null && exit 9
[ "$1" = probe ] || exec "$@"
`;
const PREFIX = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh"];

function withoutTmpfs(): string | false {
  try {
    const { type } = statfsSync(MEMORY);
    return type === TMPFS_MAGIC ? false : `${MEMORY} is no tmpfs`;
  } catch (error) {
    return String(error);
  }
}

function withoutReadOnly(): string | false {
  if (process.getuid?.() !== 0) return "needs root";
  const [command, ...args] = PREFIX;
  const { status } = spawnSync(command, [...args, "probe"]);
  return status === 0 ? false : "no disk can be made read-only";
}

/** Bytes that this process has caused to be written to disks, proc_pid_io(5). */
function bytesWritten(pid: number): number {
  const text = readFileSync(`/proc/${pid}/io`, "utf8");
  return Number(/^write_bytes: (\d+)$/m.exec(text)![1]);
}

/** Declares the tests of what an agent of this target writes to disks. */
export function diskWrites(target: Target): void {
  const noTmpfs = withoutTmpfs();
  const noReadOnly = withoutReadOnly();
  describe(`disks on ${target}`, () => {
    /** A prepare of each kind, and recoveries by both calls; `more` is what the host sends. */
    async function rounds(agent: TestAgent, more: object = {}): Promise<void> {
      for (const kind of KINDS) {
        const path = `/snapshot/prepare?wait=settled&kind=${kind}`;
        for (let i = 0; i < 2; i++) {
          const reply = await agent.ask("POST", path);
          assert.equal(reply.status, 200, reply.body);
          const body = JSON.stringify({ hostTime: Date.now(), ...more });
          if (i === 0) await agent.ask("POST", "/snapshot/recover", body);
          await agent.health();
          const { state, operation, lastRecovery } = await agent.status();
          assert.equal(state, "running");
          for (const step of [...operation.steps, ...lastRecovery.steps]) {
            assert.match(step.status, /^(done|skipped)$/, step.reason);
          }
        }
      }
    }

    const tmpfs = `a prepare and a recovery write to tmpfs alone`;
    test(noTmpfs ? `${tmpfs}: ${noTmpfs}` : tmpfs, {
      skip: noTmpfs,
    }, async () => {
      const directory = mkdtempSync(`${MEMORY}/lull-test-`);
      try {
        await using agent = await TestAgent.start(target, [
          `--runtime-directory=${directory}`,
          `--hooks-socket=${directory}/hooks.sock`,
          // Deno writes its caches some time after it has run new code.
        ], { DENO_DIR: `${directory}/deno` });
        await rounds(agent);
        // The kernel may charge this process for the access time of a file that another program has
        // just changed, once.
        await until("rounds that write nothing", async () => {
          const before = bytesWritten(agent.pid);
          await rounds(agent);
          return bytesWritten(agent.pid) === before;
        }, 60_000);
      } finally {
        rmSync(directory, { recursive: true, force: true });
      }
    });

    const readOnly = "whole rounds on read-only disks";
    test(noReadOnly ? `${readOnly}: ${noReadOnly}` : readOnly, {
      skip: noReadOnly,
    }, async () => {
      await using agent = await TestAgent.start(target, [], {}, PREFIX);
      // The items that no service of this machine is told of.
      await rounds(agent, {
        renew: ["boot-id", "random-seed"],
        credentials: { token: { data: "c2VjcmV0cw==" } },
        env: { REGION: "north" },
      });
      await agent.stop();
      assert.doesNotMatch(agent.output, /EROFS|Read-only/);
    });
  });
}
