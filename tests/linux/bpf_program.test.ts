import assert from "node:assert/strict";
import { test } from "node:test";
import {
  BpfProgram,
  MAP_LOOKUP_ELEM,
  R0,
  R1,
  R2,
  STACK,
} from "../../src/linux/bpf_program.ts";

/** The instructions in hexadecimal, as `bpftool prog dump xlated opcodes` prints them. */
function opcodes(program: BpfProgram): string[] {
  const bytes = program.assemble();
  const words: string[] = [];
  for (let at = 0; at < bytes.length; at += 8) {
    words.push(bytes.slice(at, at + 8).toHex());
  }
  return words;
}

test("instructions have the kernel's encoding", () => {
  const program = new BpfProgram()
    .copy(R2, STACK) // r2 = r10
    .add(R2, -8) // r2 += -8
    .store64(STACK, -8, 0) // *(u64 *)(r10 - 8) = 0
    .loadMap(R1, 5) // r1 = map[5]
    .call(MAP_LOOKUP_ELEM)
    .load("u8", R0, R0, 3) // r0 = *(u8 *)(r0 + 3)
    .exit();
  assert.deepEqual(opcodes(program), [
    "bfa2000000000000",
    "07020000f8ffffff",
    "7a0af8ff00000000",
    "1811000005000000",
    "0000000000000000",
    "8500000001000000",
    "7100030000000000",
    "9500000000000000",
  ]);
});

test("a jump goes to its label, over instructions of two words", () => {
  const program = new BpfProgram()
    .ifNotEqual(R1, 2, "end")
    .loadMap(R1, 5)
    .label("end")
    .exit();
  assert.equal(opcodes(program)[0], "5601020002000000");
});

test("a jump to nowhere is an error", () => {
  const program = new BpfProgram().ifNull(R0, "nowhere").exit();
  assert.throws(() => program.assemble(), /nowhere/);
});
