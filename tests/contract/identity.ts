/**
 * The identity, the credentials and the variables of a fork. The agent that is asked to renew
 * something has mounts of its own, and is asked for the id of the boot only.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { commandOf, type Target, TestAgent } from "../support/agent.ts";
import { script, temporary } from "../support/hooks.ts";
import { mountNamespaceProblem } from "../support/mount_namespace.ts";
import { until } from "../support/until.ts";
import { refused } from "./refused.ts";

/** Runs a program in a mount namespace of its own, with its runtime directory on a tmpfs. */
const OWN_MOUNTS = [
  ...["unshare", "--mount", "sh", "-c"],
  `for word in "$@"; do
    case $word in
      --runtime-directory=*) mount -t tmpfs run "\${word#*=}" || exit 9 ;;
    esac
  done
  exec "$@"`,
  "sh",
];

const BOOT_ID = "/proc/sys/kernel/random/boot_id";
const SECRET = "a secret of the fork";

/** Declares the tests of what a fork gets for one target. */
export function identity(target: Target): void {
  describe(`what a fork gets on ${target}`, () => {
    const hooks = temporary();
    const said = join(hooks.path, "said");
    const skip = mountNamespaceProblem();
    let agent: TestAgent;
    before(async () => {
      if (skip) return;
      script(
        join(hooks.path, "hook"),
        `#!/bin/sh\nprintf '%s|%s\\n' "$1" "$REGION" >> ${said}\n`,
      );
      const flags = [`--hook-directories=${hooks.path}`];
      agent = await TestAgent.start(target, flags, {}, OWN_MOUNTS);
    });
    after(async () => {
      await agent?.stop();
      hooks.remove();
    });

    /** The path of a file of the agent, seen from outside its namespace. */
    const inside = (path: string) => `/proc/${agent.pid}/root${path}`;
    const secrets = () => inside(join(agent.directory, "credentials"));
    const recover = (body: object) =>
      agent.ask("POST", "/snapshot/recover", JSON.stringify(body));

    test("a wrong value is 400, and no name of the caller is repeated", {
      skip,
    }, async () => {
      const data = "c2VjcmV0";
      for (
        const [field, values] of Object.entries({
          renew: ["all", [], ["everything"], ["machine-id", 1], {}],
          requireRenewed: ["yes", 1, null],
          renewOnDisk: ["yes", 1],
          credentials: [
            ...["token", [], null, { token: data }, { token: {} }],
            ...[{ "../up": { data } }, { "a/b": { data } }, { "": { data } }],
            ...[{ ".": { data } }, { "..": { data } }, { ".hidden": { data } }],
            ...[{ token: { data: "not base64" } }, { token: { data: "YQ" } }],
            ...[{ token: { data, uid: -1 } }, { token: { data, gid: "root" } }],
            ...[{ token: { data, mode: 600 } }, { token: { data, mode: "9" } }],
            ...[{ token: { data, uid: 1.5 } }, { token: { data, other: 1 } }],
            { token: { data, uid: 4_294_967_295 } },
          ],
          env: [
            ...["A=1", [], { A: 1 }, { "": "1" }, { "1A": "1" }, { "A B": "" }],
            ...[{ LULL_KIND: "x" }, { PATH: "/tmp" }, { TRACEPARENT: "x" }],
            ...[{ A: "\u0000" }, { A: "\u001b[0m" }],
          ],
        })
      ) {
        for (const value of values) {
          const body = JSON.stringify({ [field]: value });
          const problem = await refused(
            ...[agent, "POST", "/snapshot/recover", body] as const,
            ...[400, "invalid-input"] as const,
          );
          const [{ path, expected }] = problem.errors!;
          assert.equal(path.split(".")[0], field, body);
          assert.doesNotMatch(expected, /token|secret|hidden|A B/, body);
        }
      }
      assert.equal(existsSync(secrets()), false);
    });

    test("what the host requires outlives a killed agent", async () => {
      await using first = await TestAgent.start(target);
      const withdrawn = '{"requireRenewed":false}';
      const recover = (of: TestAgent, body: string) =>
        of.ask("POST", "/snapshot/recover", body);
      const required = '{"requireRenewed":true}';
      await first.settle();
      assert.equal((await recover(first, required)).status, 503);
      first.kill("SIGKILL");
      await until("its end", () => first.exitCode !== undefined);
      await using next = await TestAgent.start(target, [
        `--runtime-directory=${first.directory}`,
      ]);
      assert.equal((await next.health()).status, 503);
      assert.equal((await recover(next, withdrawn)).status, 200);
      assert.equal((await next.health()).status, 200);
      assert.ok(!readdirSync(first.directory).includes("required"));
    });

    test("variables are in the file and in the environment of hooks", {
      skip,
    }, async () => {
      await agent.settle();
      const reply = await recover({ env: { REGION: 'a "b" $c' } });
      assert.equal(reply.status, 200, reply.body);
      assert.equal(readFileSync(said, "utf8"), 'freeze|\nthaw|a "b" $c\n');
      const file = inside(join(agent.directory, "env"));
      assert.equal(readFileSync(file, "utf8"), 'REGION="a \\"b\\" \\$c"\n');
      assert.equal(statSync(file).mode & 0o777, 0o644);
      // A call without variables changes none; the empty object removes all.
      await recover({});
      assert.notEqual(readFileSync(file, "utf8"), "");
      await recover({ env: {} });
      assert.equal(readFileSync(file, "utf8"), "");
    });

    test(
      "credentials are files before the thaw, and the next prepare wipes them",
      {
        skip,
      },
      async () => {
        await agent.settle();
        const data = btoa(SECRET);
        const reply = await recover({
          credentials: {
            "token": { data },
            "db.key": { data, uid: 33, gid: 34, mode: "0440" },
          },
        });
        assert.equal(reply.status, 200, reply.body);
        assert.ok(!reply.body.includes("token"), "a report repeats a name");
        const facts = readdirSync(secrets()).sort().map((name) => {
          const { mode, uid, gid } = statSync(join(secrets(), name));
          return `${name} ${(mode & 0o777).toString(8)} ${uid} ${gid}`;
        });
        assert.deepEqual(facts, ["db.key 440 33 34", "token 600 0 0"]);
        assert.equal(readFileSync(join(secrets(), "token"), "utf8"), SECRET);
        assert.match(
          readFileSync(`/proc/${agent.pid}/mountinfo`, "utf8"),
          /\/credentials rw,nosuid,nodev,noexec[^\n]* - ramfs /,
        );
        const report = (await agent.settle()).json<
          // deno-lint-ignore no-explicit-any
          any
        >();
        // deno-lint-ignore no-explicit-any
        const step = report.steps.find(({ name }: any) =>
          name === "wipe-credentials"
        );
        assert.equal(step.status, "done");
        assert.equal(step.effect.files, 2);
        assert.deepEqual(readdirSync(secrets()), []);
        await recover({});
        assert.deepEqual(readdirSync(secrets()), [], "they came back");
      },
    );

    test(
      "credentials that come late are written at once, and replaced as a whole",
      {
        skip,
      },
      async () => {
        const late = async (text: string) => {
          const reply = await recover({
            credentials: { token: { data: btoa(text) } },
          });
          assert.equal(reply.status, 200, reply.body);
          // deno-lint-ignore no-explicit-any
          const { late } = reply.json<any>();
          // deno-lint-ignore no-explicit-any
          assert.ok(late.some(({ name }: any) => name === "credentials"));
          assert.equal(readFileSync(join(secrets(), "token"), "utf8"), text);
        };
        await late(SECRET);
        await late("");
        await late("x");
        await agent.settle();
        await agent.health();
        assert.deepEqual(readdirSync(secrets()), []);
      },
    );

    test("the command line sends the bytes of a file as a credential", {
      skip,
    }, async () => {
      const bytes = Uint8Array.of(0, 104, 255, 10);
      const file = join(hooks.path, "secret");
      writeFileSync(file, bytes);
      await agent.settle();
      const [command, ...args] = commandOf(target);
      const { status, stderr } = spawnSync(command, [
        ...[...args, "recover", `--url=http://127.0.0.1:${agent.port}`],
        `--credential=token=${file}`,
      ], { encoding: "utf8", timeout: 30_000 });
      assert.equal(status, 0, stderr);
      const written = readFileSync(join(secrets(), "token"));
      assert.deepEqual([...written], [...bytes]);
      await agent.settle();
      await agent.health();
    });

    test("a new boot id; health is refused while the identity is missing", {
      skip,
    }, async () => {
      const bootId = () => readFileSync(inside(BOOT_ID), "utf8");
      const former = bootId();
      await agent.settle();
      assert.equal((await recover({ requireRenewed: true })).status, 503);
      const health = await agent.health();
      assert.equal(health.status, 503);
      assert.equal(
        health.json<{ type: string }>().type,
        "urn:lull:problem:not-renewed",
      );
      assert.deepEqual((await agent.status()).renewal, {
        ...{ required: true, done: false, items: [] },
      });
      const reply = await recover({ renew: ["boot-id"] });
      assert.equal(reply.status, 200, reply.body);
      assert.equal((await agent.health()).status, 200);
      assert.deepEqual((await agent.status()).renewal, {
        required: true,
        done: true,
        items: [{ item: "boot-id", status: "renewed" }],
      });
      const first = bootId();
      assert.match(first, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-.*\n$/);
      assert.notEqual(first, former);
      // The same generation: a call that is sent again changes nothing.
      await recover({ renew: ["boot-id"] });
      assert.equal(bootId(), first);
      await agent.settle();
      await recover({ renew: ["boot-id"] });
      assert.notEqual(bootId(), first);
      const mounts = readFileSync(`/proc/${agent.pid}/mountinfo`, "utf8");
      assert.equal(mounts.match(/random\/boot_id /g)?.length, 1);
    });
  });
}
