import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Done, Skipped } from "../../src/lifecycle/step.ts";
import {
  compactMemory,
  dropCaches,
  withoutCaches,
} from "../../src/memory/caches.ts";
import { memoryStep, type MemoryTools } from "../../src/steps/memory.ts";
import { stepContext } from "../support/hooks.ts";
import { until } from "../support/until.ts";

/** Tools that note what is asked of them. */
function fakeTools(more: Partial<MemoryTools> = {}) {
  const seen: string[] = [];
  let free = 100;
  const tools: MemoryTools = {
    without: () => undefined,
    drop: (which) => {
      seen.push(`drop ${which}`);
      free += 50;
      return Promise.resolve();
    },
    compact: () => {
      seen.push("compact");
      return Promise.resolve();
    },
    info: () => ({ free, cached: 200 - free }),
    ...more,
  };
  return { seen, tools };
}

const BOTH = { dropCaches: "pagecache", compactMemory: true } as const;

describe("the memory step", () => {
  test("drops, then compacts, and tells the effect in bytes", async () => {
    const { seen, tools } = fakeTools();
    const done = await memoryStep(BOTH, tools).quiesce(stepContext()) as Done;
    assert.deepEqual(seen, ["drop pagecache", "compact"]);
    assert.deepEqual(done.effect, {
      freeBefore: 100,
      freeAfter: 150,
      cachedBefore: 100,
      cachedAfter: 50,
    });
    assert.equal(done.undo, undefined);
  });

  test("does only what is switched on", async () => {
    for (
      const [options, want] of [
        [{ dropCaches: "all", compactMemory: false }, ["drop all"]],
        [{ dropCaches: "off", compactMemory: true }, ["compact"]],
      ] as const
    ) {
      const { seen, tools } = fakeTools();
      await memoryStep(options, tools).quiesce(stepContext());
      assert.deepEqual(seen, want);
    }
    const { seen, tools } = fakeTools();
    const off = { dropCaches: "off", compactMemory: false } as const;
    const skipped = await memoryStep(off, tools).quiesce(
      stepContext(),
    ) as Skipped;
    assert.match(skipped.skipped, /switched off/);
    assert.deepEqual(seen, []);
  });

  test("is skipped, with the reason, where it may not", async () => {
    const { seen, tools } = fakeTools({
      without: () => "no right to it",
    });
    const skipped = await memoryStep(BOTH, tools).quiesce(
      stepContext(),
    ) as Skipped;
    assert.equal(skipped.skipped, "no right to it");
    assert.deepEqual(seen, []);
  });

  test("compacts nothing once its operation is over", async () => {
    const abort = new AbortController();
    const { seen, tools } = fakeTools();
    const step = memoryStep(BOTH, {
      ...tools,
      drop: async (which) => {
        await tools.drop(which);
        abort.abort();
      },
    });
    await step.quiesce(stepContext(abort.signal));
    assert.deepEqual(seen, ["drop pagecache"]);
  });

  test("ends with its signal, and begins no second command", async () => {
    for (const slow of ["drop", "compact"] as const) {
      const abort = new AbortController();
      const { tools } = fakeTools();
      let signals = 0;
      const step = memoryStep(BOTH, {
        ...tools,
        [slow]: (...args: unknown[]) => {
          const signal = args.at(-1) as AbortSignal;
          signals++;
          return new Promise((_, reject) =>
            signal.addEventListener(
              "abort",
              () => reject(new Error("given up")),
            )
          );
        },
      });
      const working = step.quiesce(stepContext(abort.signal));
      while (signals === 0) await new Promise((done) => setTimeout(done, 1));
      abort.abort();
      await assert.rejects(async () => await working, /given up/);
    }
  });
});

describe("the kernel's files", () => {
  function inDirectory(check: (directory: string) => Promise<void>) {
    return async () => {
      const directory = mkdtempSync(join(tmpdir(), "lull-test-"));
      try {
        await check(directory);
      } finally {
        rmSync(directory, { recursive: true });
      }
    };
  }

  test(
    "get the words of the kernel's documentation",
    inDirectory(async (directory) => {
      const text = (name: string) =>
        readFileSync(join(directory, name), "utf8");
      writeFileSync(join(directory, "drop_caches"), "");
      writeFileSync(join(directory, "compact_memory"), "");
      await dropCaches("pagecache", undefined, directory);
      assert.equal(text("drop_caches"), "1");
      await dropCaches("all", undefined, directory);
      assert.equal(text("drop_caches"), "3");
      await compactMemory(undefined, directory);
      assert.equal(text("compact_memory"), "1");
      assert.equal(withoutCaches(directory), undefined);
    }),
  );

  test(
    "are not waited for once the signal aborts, and not written twice",
    inDirectory(async (directory) => {
      // A pipe without a reader: to open it takes for ever, as a write may.
      const pipe = join(directory, "drop_caches");
      execFileSync("mkfifo", [pipe]);
      writeFileSync(join(directory, "compact_memory"), "");
      const abort = new AbortController();
      const dropping = dropCaches("all", abort.signal, directory);
      abort.abort();
      await assert.rejects(dropping, {
        message: `Cannot write to ${pipe}: given up`,
      });
      await assert.rejects(compactMemory(undefined, directory), {
        message: `Cannot write to ${directory}/compact_memory: an earlier ` +
          `call, to write to ${pipe}, has not returned yet`,
      });
      const reader = spawn("cat", [pipe], { stdio: "ignore" });
      await until(
        "the write's end",
        () => compactMemory(undefined, directory).then(() => true, () => false),
      );
      await until("the reader's end", () => reader.exitCode !== null);
    }),
  );

  test(
    "are never made where there are none",
    inDirectory(async (directory) => {
      assert.match(withoutCaches(directory) ?? "", /ENOENT/);
      await assert.rejects(dropCaches("all", undefined, directory), /ENOENT/);
    }),
  );
});
