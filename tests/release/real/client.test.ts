/**
 * The client for JSR and npm. From npm, it is installed without a network, the compiler of TypeScript
 * accepts a program that uses it, and the program does a whole round on Node.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";
import { VERSION } from "../../../src/version.ts";
import { TestAgent } from "../../support/agent.ts";
import { temporary } from "../../support/hooks.ts";
import { without } from "../../vm/support/run.ts";
import { OUT, ROOT, run } from "./artefacts.ts";

const PACKAGE = join(OUT, `lull-client-${VERSION}.tgz`);

/** A program of a user. It has no types of Node, and no types of another package. */
const PROGRAM = `
import { LullClient, RefusedError, type PrepareReport } from "lull-client";

declare const process: { readonly argv: readonly string[] };
declare const console: { log(text: string): void };

const client = new LullClient(process.argv[2]!, { timeoutMs: 30_000 });
const { version, generation } = await client.health();
const report: PrepareReport = await client.prepareSettled({
  operation: "npm",
  kind: "diff",
});
const { state } = await client.status();
const { recovered, recovery } = await client.recover({
  operation: report.operation,
  outcome: "resumed",
});
const refusal: unknown = await client.recover({ operation: "none" }).catch(
  (error: unknown) => error,
);
console.log(JSON.stringify({
  version,
  operation: report.operation,
  settled: report.settled,
  state,
  recovered,
  generations: (recovery?.generation ?? 0) - generation,
  clock: recovery?.steps.find(({ name }) => name === "clock")?.effect?.source,
  refusal: refusal instanceof RefusedError ? refusal.problem?.status : refusal,
}));

export async function wrong(): Promise<void> {
  // @ts-expect-error: there is no such kind of snapshot
  await client.prepare({ kind: "half" });
  // @ts-expect-error: a report has no such field
  report.quiesced;
  // @ts-expect-error: the types are those of the schemas, not any
  const text: string = (await client.health()).generation;
  console.log(text);
}
`;

test("deno publish accepts the client for JSR, without slow types", () => {
  const { status, stderr } = spawnSync(
    "deno",
    ["publish", "--dry-run", "--allow-dirty"],
    { cwd: ROOT, encoding: "utf8", env: { ...process.env, NO_COLOR: "1" } },
  );
  assert.equal(status, 0, stderr);
  assert.match(stderr, /^Success Dry run complete$/m);
  assert.match(stderr, new RegExp(`@lull/client@${VERSION} with files:`));
});

describe("the client for npm", { skip: without("node", "npm") }, () => {
  const directory = temporary();
  const at = (...path: string[]) => join(directory.path, ...path);
  const socket = at("lull.sock");
  let agent: TestAgent;
  before(async () => {
    writeFileSync(at("package.json"), '{ "type": "module", "private": true }');
    run(
      ...["npm", "install", "--offline", "--no-audit", "--no-fund"] as const,
      ...["--prefix", directory.path, "--cache", at("cache"), PACKAGE],
    );
    agent = await TestAgent.start("binary", [
      `--listen=127.0.0.1:0,unix:${socket}`,
      "--no-reset-connections",
    ]);
  });
  after(async () => {
    await agent?.stop();
    directory.remove();
  });

  test("is one package, with its license and without dependencies", () => {
    const installed = readdirSync(at("node_modules"))
      .filter((name) => !name.startsWith("."));
    assert.deepEqual(installed, ["lull-client"]);
    assert.deepEqual(readdirSync(at("node_modules/lull-client")).sort(), [
      ...["LICENSE", "README.md", "client.js", "package.json", "types"],
    ]);
    const manifest = JSON.parse(
      readFileSync(at("node_modules/lull-client/package.json"), "utf8"),
    );
    assert.equal(manifest.version, VERSION);
    assert.equal(manifest.dependencies, undefined);
  });

  test("does a round on Node in a program that the compiler accepts", () => {
    writeFileSync(at("program.ts"), PROGRAM);
    run(
      ...["tsc", "--ignoreConfig", "--strict", "--module", "nodenext"] as const,
      ...["--target", "es2022", "--lib", "es2022,dom", "--types", ""],
      ...["--noUncheckedIndexedAccess", "--exactOptionalPropertyTypes"],
      at("program.ts"),
    );
    for (const url of [`http://127.0.0.1:${agent.port}`, `unix:${socket}`]) {
      const said = JSON.parse(run("node", at("program.js"), url));
      assert.deepEqual(said, {
        version: VERSION,
        operation: "npm",
        settled: true,
        state: "quiesced",
        recovered: true,
        generations: 1,
        clock: "request",
        refusal: 409,
      }, url);
    }
  });
});
