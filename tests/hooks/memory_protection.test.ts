import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { OUTPUT } from "../../src/hooks/output.ts";
import { runScript } from "../../src/hooks/process.ts";
import { dropProtection } from "../../src/linux/oom_score.ts";
import { FREEZE, script, temporary } from "../support/hooks.ts";

const SCORE = "/proc/self/oom_score_adj";
const directory = temporary();
after(directory.remove);

/** Waits for a change of its own score, and prints the score. */
const ASKS = `#!/bin/sh
for i in $(seq 200); do
  [ "$(cat ${SCORE})" = "$1" ] || break
  sleep 0.02
done
cat ${SCORE}
`;

/** Runs a hook while this process has the score, which is the agent's. */
async function scoreOfHook(score: number): Promise<string> {
  const before = readFileSync(SCORE, "utf8");
  writeFileSync(SCORE, `${score}`);
  try {
    const path = script(
      join(directory.path, `score-${score}`),
      ASKS.replace("$1", `${score}`),
    );
    const ran = await runScript(path, FREEZE, { limitMs: 20_000 });
    return ran[OUTPUT]!.trim();
  } finally {
    writeFileSync(SCORE, before);
  }
}

test("only a protection that a child has inherited is taken from it", () => {
  const proc = join(directory.path, "proc");
  const scoreOf = (process: string) => join(proc, process, "oom_score_adj");
  for (const name of ["self", "12"]) {
    mkdirSync(join(proc, name), { recursive: true });
  }
  for (const [own, after] of [["-900", "0"], ["0", "500"], ["300", "500"]]) {
    writeFileSync(scoreOf("self"), `${own}\n`);
    writeFileSync(scoreOf("12"), "500");
    dropProtection(12, proc);
    assert.equal(readFileSync(scoreOf("12"), "utf8"), after);
  }
  // A child that has ended, or that did not start.
  writeFileSync(scoreOf("self"), "-900\n");
  dropProtection(13, proc);
  dropProtection(undefined, proc);
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
  const path = script(
    join(directory.path, "plain"),
    `#!/bin/sh\ncat ${SCORE}\n`,
  );
  const ran = await runScript(path, FREEZE, { limitMs: 20_000 });
  assert.equal(ran[OUTPUT]!.trim(), `${score}`);
});
