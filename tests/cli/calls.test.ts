import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { runtimeName } from "../../src/runtime/mod.ts";
import { commandOf, FORWARD_ADDRESS, TestAgent } from "../support/agent.ts";
import { runLull } from "../support/cli.ts";
import { script, temporary } from "../support/hooks.ts";
import { until } from "../support/until.ts";

describe("a call", () => {
  const directory = temporary();
  const token = join(directory.path, "token");
  const hooks = join(directory.path, "hooks");
  let agent: TestAgent;
  let url: string;
  before(async () => {
    writeFileSync(token, "a-token\n", { mode: 0o600 });
    mkdirSync(hooks);
    agent = await TestAgent.start(runtimeName(), [
      "--no-reset-connections",
      `--token-file=${token}`,
      `--hook-directories=${hooks}`,
    ]);
    url = `--url=http://127.0.0.1:${agent.port}`;
  });
  after(async () => {
    await agent?.stop();
    directory.remove();
  });

  function call(...args: string[]) {
    return runLull([...args, url, `--token=${token}`]);
  }
  function json(...args: string[]) {
    const { code, stdout, stderr } = call(...args, "--json");
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  }

  test("does a round, in tables for people", () => {
    const prepared = call("prepare", "--operation=one", "--lease=60");
    assert.equal(prepared.code, 0, prepared.stderr);
    const [first, head, ...steps] = prepared.stdout.trimEnd().split("\n");
    assert.match(first, /^settled, operation one: quiesced after [\d.]+ ms/);
    assert.match(head, /^STEP +STATUS +MS +DETAILS$/);
    assert.ok(steps.some((line) => /^connections +done +[\d.]+ /.test(line)));
    assert.match(call("status").stdout, /^state +quiesced, settled\n/);
    const recovered = call("recover", "--operation=one", "--outcome=resumed");
    assert.match(
      recovered.stdout,
      /^resumed, operation one, generation \d+, by recover, in [\d.]+ ms\nSTEP/,
    );
    const after = call("status").stdout;
    assert.match(after, /^last recovery +resumed, by recover, in [\d.]+ ms$/m);
    assert.match(after, /^\nSTEP .*\nentropy +done /m);
    assert.match(call("health").stdout, /^running, generation \d+, version /);
    assert.match(call("metrics").stdout, /^# TYPE lull_requests counter$/m);
  });

  test("does a round, in JSON for programs", () => {
    const { generation } = json("health");
    assert.deepEqual(json("prepare", "--wait=quiesced", "--operation=two"), {
      operation: "two",
    });
    assert.deepEqual(json("wait", "--for=settled"), {
      ...{ state: "quiesced", settled: true, generation },
    });
    assert.equal(json("status").operation.operation, "two");
    const { recovery } = json("recover");
    assert.equal(recovery.generation, generation + 1);
    const samples: { name: string; value: number }[] = json("metrics");
    const found = samples.find(({ name }) => name === "lull_generation");
    assert.equal(found?.value, generation + 1);
  });

  test("prints the forwarded ports, and sets their rules", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    try {
      await until("the server", () => server.listening);
      const port = String((server.address() as AddressInfo).port);
      const include = `--include=1,${port}`;
      const set = json("ports", include, "--exclude=2-3");
      assert.deepEqual(set.rules, { include: ["1", port], exclude: ["2-3"] });
      const listed = () => call("ports").stdout.trimEnd().split("\n");
      const lines = await until("the port", () => {
        const lines = listed();
        return lines[6]?.includes("Z ") ? lines : undefined;
      }, 30_000);
      assert.deepEqual(lines.slice(0, 5), [
        "state      running",
        `addresses  ${FORWARD_ADDRESS}`,
        `include    1, ${port}`,
        "exclude    2-3",
        "",
      ]);
      assert.match(
        lines[5],
        /^PORT +TARGETS +SINCE +OPEN +ALL +IN +OUT +PROCESSES$/,
      );
      const since = "\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z";
      // Agents of other test runs may forward the same port, from a loopback address of theirs.
      const columns = [port, "127\\.0\\.0\\.1.*", since, "0", "0", "0", "0"];
      assert.match(
        lines[6],
        new RegExp(`^${columns.join(" +")} .*\\S \\(${process.pid}\\)`),
      );
      const wrong = call("ports", "--include=http");
      assert.equal(wrong.code, 1);
      assert.match(
        wrong.stderr,
        /include\.0: expected a text with a port or a range/,
      );
    } finally {
      server.close();
    }
  });

  test("gives a fork its variables, and says which item does not exist", () => {
    json("recover", '--env={"REGION":"north"}');
    const env = readFileSync(join(agent.directory, "env"), "utf8");
    assert.equal(env, 'REGION="north"\n');
    const wrong = call("recover", "--renew=machine-id,everything");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /renew\.1: expected a list of machine-id, ssh/);
    const missing = call("recover", "--credential=token=/nowhere/token");
    assert.equal(missing.code, 1);
    assert.match(
      missing.stderr,
      /^lull: Cannot read the credential \/nowhere\/token: ENOENT$/m,
    );
  });

  test("exits with 1 where the agent refuses, and prints the problem", () => {
    const { code, stdout, stderr } = call(
      ...["recover", "--operation=none", "--json"],
    );
    assert.equal(code, 1);
    assert.equal(JSON.parse(stdout).type, "urn:lull:problem:other-operation");
    assert.match(stderr, /^lull: Cannot run recover: The agent replied 409: /);
    const wrong = runLull(["prepare", url]);
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.stderr,
      /The agent replied 401: .*; give the file with the token: --token FILE$/m,
    );
    const other = runLull(["prepare", url, "--token=/proc/version"]);
    assert.equal(other.code, 1);
    assert.match(
      other.stderr,
      /401: .*; the token of --token is another one$/m,
    );
    const undone = call("prepare", "--lease=0.0001");
    assert.equal(undone.code, 1, undone.stdout);
    assert.match(undone.stderr, /The agent replied 503: .*lease/);
  });

  test("prints the steps of a prepare that failed, with the output of a hook", () => {
    const hook = join(hooks, "full");
    script(hook, '#!/bin/sh\n[ "$1" = thaw ] || { echo no room; exit 3; }\n');
    try {
      const failed = call("prepare");
      assert.equal(failed.code, 1);
      assert.match(failed.stderr, /503: .*hook full failed: exit code 3$/m);
      assert.match(failed.stdout, /^STEP .*\nhooks +failed .*no room/);
      const status = call("status").stdout;
      assert.match(status, /^last recovery +aborted, by failure/m);
      assert.match(status, /^\nSTEP .*\nhooks +failed .*exit code 3/m);
      const document = JSON.parse(call("prepare", "--json").stdout);
      assert.equal(document.type, "urn:lull:problem:prepare-failed");
    } finally {
      rmSync(hook);
    }
  });

  test("says how a program of the guest may call the agent", async () => {
    await using strict = await TestAgent.start(runtimeName(), [
      "--guest-calls=refuse",
    ]);
    const { code, stderr } = runLull([
      ...["prepare", `--url=http://127.0.0.1:${strict.port}`],
    ]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /403: .*; call from the host, or start the agent with --guest-calls=allow$/m,
    );
  });

  test("exits with 1 where the state does not come, with 3 where no agent is", () => {
    const late = call("wait", "--for=quiesced", "--timeout=0.3");
    assert.equal(late.code, 1);
    assert.match(late.stderr, /: the guest is not quiesced within 0\.3 s\n$/);
    for (const command of [["status"], ["wait", "--for=running"]]) {
      const { code, stderr } = runLull([
        ...command,
        ...["--url=unix:/none/such", "--timeout=0.3"],
      ]);
      assert.equal(code, 3, stderr);
      assert.match(
        stderr,
        /^lull: Cannot reach the agent at unix:\/none\/such: /,
      );
    }
  });

  test("watches the state over a whole round", async () => {
    const [command, ...args] = commandOf(runtimeName());
    const child = spawn(command, [
      ...[...args, "watch", url, `--token=${token}`, "--json"],
    ], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (part) => text += part);
    const states = () =>
      text.trimEnd().split("\n").map((line) => JSON.parse(line || "{}").state);
    try {
      await until("the first event", () => states()[0] === "running", 30_000);
      assert.equal(call("prepare", "--wait=quiesced").code, 0);
      await until("quiesced", () => states().at(-1) === "quiesced", 30_000);
      assert.equal(json("status").state, "quiesced");
      assert.equal(call("recover").code, 0);
      await until("running", () => states().at(-1) === "running", 30_000);
    } finally {
      child.kill();
    }
  });

  test("ends as it would if the reader of its output has read enough", () => {
    // Opens a pipe of which the reader has ended, as stdout.
    const before = ["bash", "-c", 'exec > >(:); wait $!; exec "$@"', "bash"];
    const closed = (...args: string[]) =>
      runLull([...args, url, `--token=${token}`], { before });
    for (const args of [["health"], ["status"], ["metrics"]]) {
      assert.deepEqual(closed(...args), { code: 0, stdout: "", stderr: "" });
    }
    assert.equal(closed("recover", "--operation=none", "--json").code, 1);
    assert.equal(closed("watch").code, 0);
  });
});
