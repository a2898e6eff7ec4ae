import assert from "node:assert/strict";
import { existsSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Target } from "../../support/agent.ts";
import { HungMount, withoutFuse } from "../../support/hung_mount.ts";
import { overUnix } from "../../support/over_unix.ts";
import { until } from "../../support/until.ts";
import {
  addsNoThread,
  answered,
  answersDuring,
  refusal,
  sync,
  withAgent,
} from "./answers.ts";

/** What a FUSE filesystem may say that it is: its source, and its subtype. */
const DISGUISES = [["/dev/fuse"], ["/dev/vda"], ["/dev/sda1", "ntfs"]];

/** An agent beside a FUSE filesystem that never answers. */
export function hungMounts(target: Target): void {
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
