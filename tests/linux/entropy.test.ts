import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { addEntropy, readHardware, reseed } from "../../src/linux/entropy.ts";
import type { Libc } from "../../src/linux/libc.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

const noRoot = process.getuid?.() !== 0 && "needs root";

describe("the kernel's random pool", () => {
  it("gets the bytes behind their credit in bits and their size", () => {
    const calls: [bigint, Uint8Array | null][] = [];
    const libc: Libc = {
      ioctl(_, request, argument) {
        calls.push([request, argument && argument.slice()]);
        return 0;
      },
    };
    addEntropy(libc, Uint8Array.of(1, 2, 3));
    reseed(libc);
    assert.deepEqual(calls, [
      [0x40085203n, Uint8Array.of(24, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3)],
      [0x5207n, null],
    ]);
  });

  it("tells why the kernel refused", () => {
    const libc: Libc = { ioctl: () => -1, errno: () => 1 };
    assert.throws(() => addEntropy(libc, Uint8Array.of(1)), {
      message: "Cannot add entropy to /dev/urandom: EPERM",
    });
    assert.throws(() => reseed(libc), {
      message: "Cannot reseed /dev/urandom: EPERM",
    });
  });

  it("takes entropy and a reseed from root", { skip: noRoot }, async () => {
    const libc = await realLibc();
    const bytes = new TextEncoder().encode("a test of Lull's entropy");
    assert.doesNotThrow(() => addEntropy(libc, bytes));
    assert.doesNotThrow(() => reseed(libc));
  });
});

describe("a hardware source", () => {
  const directory = mkdtempSync(join(tmpdir(), "lull-entropy-"));
  const path = join(directory, "hwrng");

  it("gives what comes after all that it may have kept", async () => {
    writeFileSync(path, Uint8Array.from({ length: 600 }, (_, i) => i >> 2));
    const bytes = await readHardware(32, { limitMs: 60_000, path });
    assert.deepEqual(
      bytes,
      Uint8Array.from({ length: 32 }, (_, i) => (i + 256) >> 2),
    );
  });

  it("is not waited for beyond the limit", async () => {
    // A read on the runtime's pool may be under way at the limit, which is another error.
    let left = 264;
    const readSome = () => Promise.resolve(left).finally(() => left = 0);
    await assert.rejects(readHardware(32, { limitMs: 50, path, readSome }), {
      message: `Cannot read ${path}: 264 of 288 bytes within 50 ms`,
    });
  });

  it("that never answers a read is given up, and not read twice", async () => {
    let reads = 0;
    let answer!: (count: number) => void;
    const readSome = () => {
      reads++;
      return new Promise<number>((resolve) => answer = resolve);
    };
    const descriptors = () => readdirSync("/proc/self/fd").length;
    const before = descriptors();
    await assert.rejects(readHardware(32, { limitMs: 20, path, readSome }), {
      message: `Cannot read ${path}: no answer within 20 ms`,
    });
    const abort = new AbortController();
    const again = { limitMs: 60_000, path, readSome, signal: abort.signal };
    await assert.rejects(readHardware(32, again), {
      message: `Cannot read ${path}: an earlier call, to read ${path}, ` +
        "has not returned yet",
    });
    assert.equal(reads, 1);
    answer(0);
    await until("the descriptor", () => descriptors() === before);
    const reading = readHardware(32, again);
    abort.abort();
    await assert.rejects(reading, {
      message: `Cannot read ${path}: given up`,
    });
    answer(0);
    await until("the descriptor", () => descriptors() === before);
  });

  it("ends its wait for more with the signal", async () => {
    const abort = new AbortController();
    let reads = 0;
    const readSome = () => {
      if (++reads === 3) abort.abort();
      return Promise.resolve(0);
    };
    await assert.rejects(
      readHardware(32, {
        ...{ limitMs: 60_000, path, readSome, signal: abort.signal },
      }),
      /given up/,
    );
    assert.equal(reads, 3);
  });

  it("may be missing", async () => {
    rmSync(directory, { recursive: true });
    assert.equal(await readHardware(32, { limitMs: 500, path }), undefined);
  });

  it("of this machine gives different bytes or says why not", async () => {
    const read = () => readHardware(32, { limitMs: 1000 });
    let first: Uint8Array | undefined;
    try {
      first = await read();
    } catch (error) {
      assert.match(String(error), /Cannot read|EACCES/);
      return;
    }
    if (first === undefined) return; // no such device here
    assert.equal(first.length, 32);
    assert.notDeepEqual(await read(), first);
  });
});
