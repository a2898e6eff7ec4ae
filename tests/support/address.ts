/**
 * An IPv4 address that comes and goes on this machine's loopback interface.
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { type Debt, owe } from "./cleanup.ts";

/** Why there can be none here, or false. */
export function withoutAddresses(): string | false {
  try {
    using address = new TestAddress(99);
    address.add();
    return false;
  } catch (error) {
    return String(error);
  }
}

/** An address of the test's own, which the machine does not have at first. */
export class TestAddress implements Disposable {
  readonly text: string;
  #debt: Debt | undefined;

  /** `part` is the last number; it must differ among the addresses of one process. */
  constructor(part: number) {
    const { pid } = process;
    this.text = `10.${200 + pid % 50}.${Math.floor(pid / 50) % 250}.${part}`;
  }

  /** The machine has it from now on. */
  add(): void {
    const words = ["address", "add", `${this.text}/32`, "dev", "lo"];
    const { status, error, stderr } = spawnSync("ip", words);
    if (status !== 0) {
      throw new Error(`Cannot add ${this.text}: ${error?.message ?? stderr}`);
    }
    this.#debt = owe(`ip address del ${this.text}/32 dev lo\n`);
  }

  [Symbol.dispose](): void {
    this.#debt?.settle();
  }
}
