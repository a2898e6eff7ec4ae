import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { findScripts } from "../../src/hooks/scripts.ts";
import type { Done } from "../../src/lifecycle/step.ts";
import { hooksStep } from "../../src/steps/hooks.ts";
import {
  fakeJournal,
  owedThaws,
  recoveryContext,
  script,
  SILENT,
  stepContext,
  temporary,
} from "../support/hooks.ts";

test("scripts in the style of the QEMU guest agent", async () => {
  const { path, remove } = temporary();
  after(remove);
  const fifo = join(path, "flush.fifo");
  const log = join(path, "log");
  // Like mysql-flush: its freeze leaves a child behind that holds the lock and
  // its output until the thaw tells it to let go.
  script(
    join(path, "10-flush"),
    `#!/bin/sh
hold() { echo locked >> ${log}; read x < ${fifo}; echo unlocked >> ${log}; }
case "$1" in
  freeze) mkfifo ${fifo} || exit 1; hold &
    while ! grep -qs '^locked' ${log}; do :; done ;;
  thaw) [ -p ${fifo} ] || exit 1; echo > ${fifo}; rm -f ${fifo}
    while ! grep -qs unlocked ${log}; do :; done ;;
  *) exit 1 ;;
esac`,
  );
  const journal = fakeJournal();
  const step = hooksStep({
    hooks: () => findScripts({ directories: [path], limitMs: 3000 }),
    limitMs: 5000,
    ...{ journal, owed: owedThaws(), log: SILENT },
  });
  const done = await step.quiesce(stepContext()) as Done;
  assert.equal(readFileSync(log, "utf8"), "locked\n");
  await done.undo!(recoveryContext());
  assert.equal(readFileSync(log, "utf8"), "locked\nunlocked\n");

  script(
    join(path, "20-hangs"),
    `#!/bin/sh\n[ "$1" = thaw ] && exit 0\nsh -c 'trap "" TERM; sleep 60'`,
  );
  const hanging = hooksStep({
    hooks: () => findScripts({ directories: [path], limitMs: 2000 }),
    limitMs: 5000,
    ...{ journal, owed: owedThaws(), log: SILENT },
  });
  const start = performance.now();
  await assert.rejects(
    async () => await hanging.quiesce(stepContext()),
    /hook 20-hangs timeout: not done within 2000 ms/,
  );
  assert.ok(performance.now() - start < 30_000, "not until its end");
  // the lock of the first was let go although its freeze had held
  assert.match(readFileSync(log, "utf8"), /unlocked\nlocked\nunlocked\n$/);
  assert.ok(!existsSync(fifo));
});
