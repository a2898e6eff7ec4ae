import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { trees } from "../tree.ts";

const { tree, remove } = trees();
after(remove);

const SCRIPT = fileURLToPath(
  new URL("../../../src/install/preload/lull_random.cjs", import.meta.url).href,
);

/** A runtime that starts a program with the preload, or without. */
interface Started {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** With a seed, two processes of V8 have the same state, as two forks have. */
const RUNTIMES: Readonly<Record<string, (seed?: number) => Started>> = {
  node: (seed) => ({
    command: ["node", ...seed ? [`--random-seed=${seed}`] : []],
    env: { NODE_OPTIONS: `--require=${SCRIPT}` },
  }),
  bun: () => ({
    command: ["bun"],
    env: { BUN_OPTIONS: `--preload=${SCRIPT}` },
  }),
  deno: (seed) => ({
    command: [
      ...["deno", "run", "-A", "--no-config", `--preload=${SCRIPT}`],
      ...seed ? [`--v8-flags=--random-seed=${seed}`] : [],
    ],
    env: {},
  }),
};

/** Runs a script, and gives what it prints, as JSON. */
function run(
  { command, env }: Started,
  script: string,
  generation = join(tree(), "generation"),
): unknown {
  const file = join(tree(), "program.mjs");
  writeFileSync(
    file,
    `import fs from "node:fs"; import crypto from "node:crypto";
     const change = (text) => {
       const path = process.env.LULL_GENERATION_FILE;
       fs.writeFileSync(path + ".new", text);
       fs.renameSync(path + ".new", path);
       const start = performance.now(); while (performance.now() < start + 1);
     };
     const print = (value) => console.log(JSON.stringify(value));
     ${script}`,
  );
  const [program, ...args] = command;
  const { stdout, stderr, status } = spawnSync(program, [...args, file], {
    encoding: "utf8",
    timeout: 60_000,
    env: { ...process.env, ...env, LULL_GENERATION_FILE: generation },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

for (const [name, start] of Object.entries(RUNTIMES)) {
  const found = spawnSync(name, ["--version"]).status === 0;
  describe(`the preload of ${name}`, {
    skip: found ? false : `there is no ${name}`,
  }, () => {
    // Bun has no seed.
    if (name !== "bun") {
      test(
        "Math.random has its own sequence until the generation changes, and another one after it",
        () => {
          const draw = "[Math.random(), Math.random(), Math.random()]";
          const script = `const before = ${draw}; change("new");
        print([before, ${draw}]);`;
          const [one, other] = [1, 2].map(() =>
            run(start(7), script) as number[][]
          );
          assert.deepEqual(one[0], other[0]);
          assert.equal(new Set([...one[1], ...other[1]]).size, 6);
          // Nothing else in the program differs: without a change, all of it repeats.
          const still = script.replace('change("new");', "");
          assert.deepEqual(run(start(7), still), run(start(7), still));
        },
      );
    }

    test("each change counts once, also if the file disappears", () => {
      const script = `
        const { changes } = globalThis[Symbol.for("lull.random")];
        const status = globalThis[Symbol.for("lull.random")];
        const counts = [changes];
        for (const text of ["a", "b"]) {
          change(text); Math.random(); Math.random();
          counts.push(status.changes);
        }
        fs.rmSync(process.env.LULL_GENERATION_FILE);
        const start = performance.now(); while (performance.now() < start + 1);
        Math.random();
        print([...counts, status.changes]);`;
      assert.deepEqual(run(start(), script), [0, 1, 2, 2]);
    });

    test("Math.random is even, in 0 to 1", () => {
      const script = `change("a");
        const parts = new Array(16).fill(0); let least = 1, most = 0;
        for (let i = 0; i < 160000; i++) {
          const value = Math.random();
          parts[Math.floor(value * 16)]++;
          least = Math.min(least, value); most = Math.max(most, value);
        }
        print({ parts, least, most });`;
      const { parts, least, most } = run(start(), script) as {
        parts: number[];
        least: number;
        most: number;
      };
      // Six standard deviations of 97.
      for (const part of parts) assert.ok(Math.abs(part - 10_000) < 582);
      assert.ok(least >= 0 && least < 0.001 && most > 0.999 && most < 1);
    });

    test("crypto keeps its types, limits and errors", () => {
      const script = `
        const code = (make) => { try { make(); return "none" } catch (e) { return e.code ?? e.name } };
        const part = crypto.randomFillSync(new Uint16Array(8), 2, 4);
        const bytes = crypto.randomFillSync(Buffer.alloc(8), 6);
        const buffer = crypto.randomFillSync(new ArrayBuffer(8), 4);
        const ints = Array.from({ length: 1000 }, () => crypto.randomInt(3, 7));
        const [later, ranged, filled] = await Promise.all([
          new Promise((done) => crypto.randomBytes(5, (_, b) => done(b.length))),
          new Promise((done) => crypto.randomInt(9, 10, (_, n) => done(n))),
          new Promise((done) => crypto.randomFill(Buffer.alloc(9), 8, (_, b) => done([...b.subarray(0, 8)]))),
        ]);
        const values = globalThis.crypto.getRandomValues(new Uint32Array(4));
        print({
          uuid: [crypto.randomUUID(), globalThis.crypto.randomUUID()],
          values: values instanceof Uint32Array && values.some((n) => n > 0xffff),
          part: [...part].map((n, i) => i < 2 || i > 5 ? n : 0),
          bytes: [...bytes.subarray(0, 6)], size: buffer.byteLength,
          ints: [...new Set(ints)].sort(), later, ranged, filled,
          length: crypto.randomBytes(7).length,
          errors: [
            code(() => crypto.randomInt(0)), code(() => crypto.randomBytes(-1)),
            code(() => globalThis.crypto.getRandomValues(new Float32Array(1))),
          ],
          names: [crypto.randomInt.name, Math.random.name, Math.random.length],
        });`;
      const { uuid, errors, ...rest } = run(start(), script) as {
        uuid: string[];
        errors: string[];
      };
      for (const id of uuid) {
        assert.match(
          id,
          /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
        );
      }
      assert.equal(errors.includes("none"), false, errors.join());
      assert.deepEqual(rest, {
        ...{ values: true, part: [0, 0, 0, 0, 0, 0, 0, 0] },
        ...{ bytes: [0, 0, 0, 0, 0, 0], size: 8, ints: [3, 4, 5, 6] },
        ...{ later: 5, ranged: 9, filled: [0, 0, 0, 0, 0, 0, 0, 0] },
        ...{ length: 7, names: ["randomInt", "random", 0] },
      });
    });

    // Deno loads no preload in workers.
    if (name !== "deno") {
      test("workers have it, too", () => {
        const script = `
        import { Worker, isMainThread, parentPort } from "node:worker_threads";
        const has = Symbol.for("lull.random") in globalThis;
        if (!isMainThread) parentPort.postMessage(has);
        else {
          const worker = new Worker(new URL(import.meta.url));
          worker.on("message", (its) => { print([has, its]); worker.terminate(); });
        }`;
        assert.deepEqual(run(start(), script), [true, true]);
      });
    }
  });
}

describe("Deno without rights", {
  skip: spawnSync("deno", ["--version"]).status === 0
    ? false
    : "there is no deno",
}, () => {
  test("runs the program as without the preload, and asks for nothing", () => {
    const file = join(tree(), "program.mjs");
    writeFileSync(
      file,
      'console.log(Math.random() < 1, Symbol.for("lull.random") in globalThis)',
    );
    const { stdout, stderr } = spawnSync(
      "deno",
      ["run", "--no-config", `--preload=${SCRIPT}`, file],
      { encoding: "utf8", timeout: 60_000 },
    );
    assert.deepEqual([stdout, stderr], ["true false\n", ""]);
  });
});
