/**
 * Assembles programs for the kernel's virtual machine: eBPF
 * (Documentation/bpf/standardization/instruction-set.rst). Only the instructions that Lull needs.
 * @module
 */

/** Functions of the kernel that a program calls, linux/bpf.h. */
export const MAP_LOOKUP_ELEM = 1;
export const SK_RELEASE = 86;
export const SK_ASSIGN = 124;
export const RINGBUF_OUTPUT = 130;

/** Registers: the result, the arguments of a call, those that a call keeps, the end of the stack. */
export const R0 = 0;
export const R1 = 1;
export const R2 = 2;
export const R3 = 3;
export const R4 = 4;
export const R6 = 6;
export const R7 = 7;
export const STACK = 10;

/** The sizes of a load, as the instruction set encodes them. */
const SIZES = { u8: 0x71, u32: 0x61, u64: 0x79 } as const;

/** A place in a program, to which jumps go. */
export type Label = string;

/** Collects instructions, and resolves jumps. Each method appends one instruction. */
export class BpfProgram {
  readonly #words: { bytes: Uint8Array; jump?: Label }[] = [];
  readonly #labels = new Map<Label, number>();

  /** Marks this place. */
  label(name: Label): this {
    this.#labels.set(name, this.#words.length);
    return this;
  }

  /** to = from */
  copy(to: number, from: number): this {
    return this.#add(0xbf, to, from);
  }

  /** to = value */
  set(to: number, value: number): this {
    return this.#add(0xb7, to, 0, 0, value);
  }

  /** to += from */
  addRegister(to: number, from: number): this {
    return this.#add(0x0f, to, from);
  }

  /** to += value */
  add(to: number, value: number): this {
    return this.#add(0x07, to, 0, 0, value);
  }

  /** to &= value */
  and(to: number, value: number): this {
    return this.#add(0x57, to, 0, 0, value);
  }

  /** to >>= value */
  shiftRight(to: number, value: number): this {
    return this.#add(0x77, to, 0, 0, value);
  }

  /** to >>= from */
  shiftRightBy(to: number, from: number): this {
    return this.#add(0x7f, to, from);
  }

  /** to = memory at from + offset */
  load(
    size: keyof typeof SIZES,
    to: number,
    from: number,
    offset: number,
  ): this {
    return this.#add(SIZES[size], to, from, offset);
  }

  /** The 64-bit memory at to + offset = value */
  store64(to: number, offset: number, value: number): this {
    return this.#add(0x7a, to, 0, offset, value);
  }

  /** to = a map of that descriptor */
  loadMap(to: number, fd: number): this {
    return this.#add(0x18, to, 1, 0, fd).#add(0, 0, 0);
  }

  /** Jumps if the lower 32 bits of the register have this value. */
  ifEqual(register: number, value: number, to: Label): this {
    return this.#add(0x16, register, 0, 0, value, to);
  }

  /** Jumps if the lower 32 bits of the register do not have this value. */
  ifNotEqual(register: number, value: number, to: Label): this {
    return this.#add(0x56, register, 0, 0, value, to);
  }

  /** Jumps if the whole register is 0: a pointer that a function did not return. */
  ifNull(register: number, to: Label): this {
    return this.#add(0x15, register, 0, 0, 0, to);
  }

  /** Calls a function of the kernel with the arguments in R1 to R5; its result is in R0. */
  call(helper: number): this {
    return this.#add(0x85, 0, 0, 0, helper);
  }

  /** Ends with the result in R0. */
  exit(): this {
    return this.#add(0x95);
  }

  /** The program, as the kernel loads it. */
  assemble(): Uint8Array {
    const program = new Uint8Array(this.#words.length * 8);
    this.#words.forEach(({ bytes, jump }, index) => {
      if (jump !== undefined) {
        const target = this.#labels.get(jump);
        if (target === undefined) throw new Error(`Cannot jump to ${jump}`);
        new DataView(bytes.buffer).setInt16(2, target - index - 1, true);
      }
      program.set(bytes, index * 8);
    });
    return program;
  }

  #add(
    code: number,
    to = 0,
    from = 0,
    offset = 0,
    value = 0,
    jump?: Label,
  ): this {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, code);
    view.setUint8(1, from << 4 | to);
    view.setInt16(2, offset, true);
    view.setInt32(4, value | 0, true);
    this.#words.push({ bytes, jump });
    return this;
  }
}
