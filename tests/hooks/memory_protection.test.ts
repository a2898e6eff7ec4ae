import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { OUTPUT } from "../../src/hooks/output.ts";
import { runScript } from "../../src/hooks/process.ts";
import { withoutProtection } from "../../src/linux/oom_score.ts";
import { FREEZE, script, temporary } from "../support/hooks.ts";

const SCORE = "/proc/self/oom_score_adj";
const directory = temporary();
after(directory.remove);

/** Prints its own score. */
const ASKS = `#!/bin/sh\ncat ${SCORE}\n`;

/** Runs a hook while this process has the score, which is the agent's. */
async function scoreOfHook(score: number): Promise<string> {
  const before = readFileSync(SCORE, "utf8");
  writeFileSync(SCORE, `${score}`);
  try {
    const path = script(join(directory.path, `score-${score}`), ASKS);
    const ran = await runScript(path, FREEZE, { limitMs: 20_000 });
    return ran[OUTPUT]!.trim();
  } finally {
    writeFileSync(SCORE, before);
  }
}

test("this process has no protection while it starts a child, and then again", () => {
  const file = join(directory.path, "score");
  for (
    const [own, during] of [["-900\n", "0"], ["0\n", "0\n"], ["300\n", "300\n"]]
  ) {
    writeFileSync(file, own);
    const seen = withoutProtection(() => readFileSync(file, "utf8"), file);
    assert.equal(seen, during);
    assert.equal(readFileSync(file, "utf8").trim(), own.trim());
  }
  // A child that does not start.
  writeFileSync(file, "-900\n");
  const fails = () => {
    throw new Error("no such program");
  };
  assert.throws(() => withoutProtection(fails, file), /no such program/);
  assert.equal(readFileSync(file, "utf8"), "-900");
  // A kernel without the file.
  assert.equal(
    withoutProtection(() => 1, join(directory.path, "none/score")),
    1,
  );
});

test("a hook is not protected when memory runs out, as the agent is", async (context) => {
  try {
    writeFileSync(SCORE, "-500");
    writeFileSync(SCORE, "0");
  } catch {
    return context.skip("needs CAP_SYS_RESOURCE to lower a score");
  }
  assert.equal(await scoreOfHook(-500), "0");
});

test("a hook keeps a score that is not a protection", async (context) => {
  // Any process may raise its score; only a privileged one may lower it again.
  const score = Number(readFileSync(SCORE, "utf8"));
  if (score < 0) return context.skip("this process is protected");
  const path = script(join(directory.path, "plain"), ASKS);
  const ran = await runScript(path, FREEZE, { limitMs: 20_000 });
  assert.equal(ran[OUTPUT]!.trim(), `${score}`);
});
