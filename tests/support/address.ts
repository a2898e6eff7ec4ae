/**
 * An IPv4 address that comes and goes on this machine's loopback interface.
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { owe } from "./cleanup.ts";

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
  #settle: (() => void) | undefined;

  /** `part` is the last number; it must differ among the addresses of one process. */
  constructor(part: number) {
    const { pid } = process;
    this.text = `10.${200 + pid % 50}.${Math.floor(pid / 50) % 250}.${part}`;
  }

  /** The machine has it from now on. */
  add(): void {
    this.#settle = owe(`ip address del ${this.text}/32 dev lo`);
    ip("add", this.text);
  }

  [Symbol.dispose](): void {
    if (this.#settle === undefined) return;
    ip("del", this.text);
    this.#settle();
    this.#settle = undefined;
  }
}

function ip(verb: "add" | "del", address: string): void {
  const args = ["address", verb, `${address}/32`, "dev", "lo"];
  const { status, error, stderr } = spawnSync("ip", args, { encoding: "utf8" });
  if (status === 0) return;
  throw new Error(`Cannot ${verb} ${address}: ${error?.message ?? stderr}`);
}
