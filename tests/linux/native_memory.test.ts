import assert from "node:assert/strict";
import { test } from "node:test";
import { NativeMemory } from "../../src/linux/native_memory.ts";
import { realLibc } from "../support/libc.ts";

test("memory keeps what is written, and is zero before", async () => {
  using memory = new NativeMemory(await realLibc(), 100);
  assert.equal(memory.write(10, Uint8Array.of(1, 2, 3)), memory.address + 10n);
  assert.deepEqual(
    memory.read(9, new Uint8Array(5)),
    Uint8Array.of(0, 1, 2, 3, 0),
  );
});

test("bytes outside the memory are an error", async () => {
  using memory = new NativeMemory(await realLibc(), 100);
  assert.equal(memory.read(0, new Uint8Array(100)).length, 100);
  assert.throws(() => memory.read(100, new Uint8Array(1)), RangeError);
  assert.throws(() => memory.write(-1, new Uint8Array(1)), RangeError);
});

test("what the kernel cannot map is an error", async () => {
  const libc = await realLibc();
  const part = { fd: -1, offset: 0, writable: true };
  assert.throws(() => new NativeMemory(libc, 100, part), /Cannot map/);
});
