import assert from "node:assert/strict";
import { existsSync, readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Target, TestAgent } from "../../support/agent.ts";
import { HungDisk, withoutHungDisk } from "../../support/hung_disk.ts";
import { HungMount, withoutFuse } from "../../support/hung_mount.ts";
import { overUnix } from "../../support/over_unix.ts";
import type { RawResponse } from "../../support/raw.ts";
import { until } from "../../support/until.ts";

/** Milliseconds in which an agent that hangs nowhere answers. */
const ANSWER_MS = 5000;

interface Step {
  name: string;
  status: string;
  reason?: string;
  effect?: { leftAlone?: string[]; mounts?: string[] };
}

/** An agent beside a filesystem that never answers. */
export function hungMounts(target: Target): void {
  fuse(target);
  disk(target);
}

/** What a FUSE filesystem may say that it is: its source, and its subtype. */
const DISGUISES = [["/dev/fuse"], ["/dev/vda"], ["/dev/sda1", "ntfs"]];

function fuse(target: Target): void {
  const skip = withoutFuse();
  const why = skip ? `: ${skip}` : "";
  describe(`a mount that never answers, on ${target}${why}`, { skip }, () => {
    for (const [source, subtype] of DISGUISES) {
      test(`${subtype ?? "fuse"} from ${source}: left alone, and reported`, async () => {
        using mount = new HungMount(source, subtype);
        await withAgent(target, mount, [], async (agent) => {
          for (let round = 0; round < 2; round++) {
            const step = await sync(agent, 20_000);
            assert.equal(step.status, "done", `${step.reason}`);
            assert.deepEqual(step.effect?.leftAlone, [mount.mountPoint]);
          }
        });
      });
    }

    test("a program's socket on it: its hook fails, and nothing else", async () => {
      using mount = new HungMount("nothing");
      await withAgent(target, mount, [], async (agent) => {
        const link = join(agent.directory, "link");
        symlinkSync(mount.mountPoint, link);
        const entries = [mount.mountPoint, link].map((path, i) => ({
          name: `evil-${i}`,
          url: `unix:${path}/app.sock:/hook`,
          policy: "continue",
        }));
        const socket = join(agent.directory, "hooks.sock");
        await until("the hooks socket", () => existsSync(socket));
        for (const entry of entries) {
          const { status } = await overUnix(socket, "POST", "/hooks", entry);
          assert.equal(status, 201);
        }
        const reply = await answered(agent.settle(), 20_000);
        assert.equal(reply.status, 200, reply.body);
        assert.equal(
          reply.body.split(
            `the path leads through ${mount.mountPoint}, a filesystem of ` +
              "type fuse, which may not answer",
          ).length,
          3,
          reply.body,
        );
      });
    });

    test("the lease still ends, and SIGTERM still ends the agent", async () => {
      using mount = new HungMount("/dev/vda");
      await withAgent(target, mount, [], async (agent) => {
        const path = "/snapshot/prepare?lease=1";
        assert.equal((await answered(agent.ask("POST", path))).status, 204);
        await until(
          "the lease's end",
          async () => (await answered(agent.status())).state === "running",
        );
      });
    });

    test("named to be frozen: refused, as no kernel can freeze it", async () => {
      using mount = new HungMount("/dev/vda");
      const { mountPoint } = mount;
      const flags = [`--freeze-mounts=${mountPoint}`];
      await withAgent(target, mount, flags, async (agent) => {
        for (let round = 0; round < 2; round++) {
          assert.ok(
            (await answered(refusal(agent))).includes(
              `Cannot freeze ${mountPoint}: a filesystem of type fuse cannot be frozen`,
            ),
          );
        }
      });
    });

    test("on the way to what is to be frozen: given up, and not tried again", async () => {
      using mount = new HungMount("/dev/vda");
      const path = `${mount.mountPoint}/disk`;
      const flags = [`--freeze-mounts=${path}`];
      await withAgent(target, mount, flags, async (agent) => {
        assert.ok(
          (await answersDuring(agent, refusal(agent))).includes(
            `${path} does not answer within 5000 ms`,
          ),
        );
        await addsNoThread(agent, async () => {
          assert.ok(
            (await answered(refusal(agent))).includes(
              `${path} has not answered an earlier prepare yet`,
            ),
          );
        });
      });
    });
  });
}

function disk(target: Target): void {
  const skip = withoutHungDisk();
  const why = skip ? `: ${skip}` : "";
  describe(`a disk that never answers, on ${target}${why}`, { skip }, () => {
    test("is given up, and not tried again until it answers", async () => {
      using disk = new HungDisk();
      const { mountPoint } = disk;
      await withAgent(target, disk, [], async (agent) => {
        const first = await answersDuring(agent, sync(agent, 30_000));
        assert.equal(first.status, "failed");
        assert.ok(
          first.reason?.includes(`${mountPoint}: no answer within 9500 ms`),
          `${first.reason}`,
        );
        assert.ok(first.effect?.mounts?.includes("/"), "the others are synced");
        await addsNoThread(agent, async () => {
          const next = await sync(agent);
          assert.equal(next.status, "failed");
          assert.ok(
            next.reason?.includes(`${mountPoint}: a sync that an earlier prep`),
            `${next.reason}`,
          );
        });
        disk.answer();
        await until("a whole sync", async () => {
          const { status, effect } = await sync(agent, 20_000);
          return status === "done" && effect?.mounts?.includes(mountPoint);
        });
      }, () => disk.answer()); // or no signal ends the agent
    });
  });
}

/** Runs an agent in the mounts, and ends it by SIGTERM alone. */
async function withAgent(
  target: Target,
  { prefix }: { prefix: readonly string[] },
  flags: string[],
  check: (agent: TestAgent) => Promise<void>,
  finish = () => {},
): Promise<void> {
  const agent = await TestAgent.start(target, flags, {}, prefix);
  try {
    await check(agent);
    assert.equal((await answered(agent.health())).status, 200);
    agent.kill("SIGTERM");
    await until("its end", () => agent.exitCode !== undefined, 15_000);
    assert.equal(agent.exitCode, 0);
  } finally {
    finish();
    if (agent.exitCode === undefined) agent.kill("SIGKILL");
    await agent.stop();
  }
}

/** A whole round; gives the report of its sync. */
async function sync(agent: TestAgent, limitMs = ANSWER_MS): Promise<Step> {
  const reply: RawResponse = await answered(agent.settle(), limitMs);
  assert.equal(reply.status, 200, reply.body);
  assert.equal((await answered(agent.health())).status, 200);
  const { steps } = reply.json<{ steps: Step[] }>();
  const step = steps.find(({ name }) => name === "filesystem");
  assert.ok(step, "it syncs");
  return step;
}

/** Why a prepare fails. */
async function refusal(agent: TestAgent): Promise<string> {
  const reply = await agent.ask("POST", "/snapshot/prepare");
  assert.equal(reply.status, 503, reply.body);
  return reply.json<{ detail: string }>().detail;
}

/**
 * The agent answers, at once, until that is over. By its status: a health check
 * would recover it.
 */
async function answersDuring<T>(
  agent: TestAgent,
  work: Promise<T>,
): Promise<T> {
  let over = false;
  work.then(() => over = true, () => over = true);
  while (!over) {
    await answered(agent.status());
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return await work;
}

/** However often that is done, no more threads of the agent wait. */
async function addsNoThread(
  agent: TestAgent,
  action: () => Promise<void>,
): Promise<void> {
  const threads = () => readdirSync(`/proc/${agent.pid}/task`).length;
  await action();
  const before = threads();
  for (let i = 0; i < 3; i++) await action();
  assert.ok(threads() <= before, `${before}, then ${threads()} threads`);
}

/** Fails where no answer comes. */
async function answered<T>(
  answer: Promise<T>,
  limitMs = ANSWER_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`no answer within ${limitMs} ms`)),
      limitMs,
    );
  });
  answer.catch(() => {}); // of an agent that was killed since
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
