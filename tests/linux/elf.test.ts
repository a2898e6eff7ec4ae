import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { after, describe, test } from "node:test";
import fc from "fast-check";
import { readElf } from "../../src/linux/elf.ts";
import { elfFile } from "../support/elf_file.ts";
import { temporary } from "../support/hooks.ts";

const directory = temporary();
after(directory.remove);
const path = join(directory.path, "program");

function read(bytes: Uint8Array) {
  writeFileSync(path, bytes);
  return readElf(path);
}

describe("the headers of a program", () => {
  test("have its machine, its dynamic linker and its libraries", () => {
    const parts = {
      machine: 183,
      interpreter: "/lib/ld-musl-aarch64.so.1",
      needed: ["libstdc++.so.6", "libc.musl-aarch64.so.1"],
    };
    assert.deepEqual(read(elfFile(parts)), parts);
    assert.deepEqual(read(elfFile({})), {
      machine: 62,
      interpreter: undefined,
      needed: [],
    });
  });

  test("of the running program have the C library", () => {
    const elf = readElf(process.execPath)!;
    assert.match(elf.interpreter!, /^\/lib.*\/ld-/);
    assert.ok(elf.needed.some((name) => /^libc\./.test(name)), `${elf.needed}`);
  });

  test("that are damaged never throw", () => {
    assert.equal(read(new TextEncoder().encode("#!/bin/sh\n")), undefined);
    const whole = elfFile({ interpreter: "/lib/ld", needed: ["a", "b"] });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(255), fc.nat(255))),
        fc.array(fc.tuple(fc.integer({ min: 1024, max: 1100 }), fc.nat(255))),
        fc.nat(whole.length),
        (head, dynamic, length) => {
          const bytes = whole.slice();
          for (const [at, value] of [...head, ...dynamic]) bytes[at] = value;
          read(bytes.subarray(0, length));
        },
      ),
      { numRuns: 300 },
    );
  });
});
