/**
 * A caller from outside this machine: a network namespace of its own behind a
 * pair of virtual interfaces, as the host is for a guest.
 */
import { execFileSync, spawnSync } from "node:child_process";
import process from "node:process";
import { type Debt, owe } from "./cleanup.ts";

/** Why there can be none here, or false. */
export function withoutOutside(): string | false {
  try {
    new Outside(250).end();
    return false;
  } catch (error) {
    return `no network namespace can be made: ${error}`;
  }
}

/** The namespace, and the addresses of both sides; with `using`, it ends with the test. */
export class Outside implements Disposable {
  readonly #name: string;
  readonly #debt: Debt;
  readonly #link: string;
  /** This machine, as the outside sees it. */
  readonly here: string;
  readonly there: string;

  /** `net` is the third number of its addresses; one at a time may have it. */
  constructor(net: number) {
    this.#name = `lull-${process.pid}-${net}`;
    this.#link = `lull${process.pid % 10_000}x${net}`;
    this.here = `10.231.${net}.1`;
    this.there = `10.231.${net}.2`;
    ip("netns", "add", this.#name);
    // The interfaces go with it.
    this.#debt = owe(`ip netns del ${this.#name}\n`);
    try {
      const peer = `${this.#link}p`;
      ip(
        ...["link", "add", this.#link, "type", "veth"],
        ...["peer", "name", peer, "netns", this.#name],
      );
      ip("addr", "add", `${this.here}/24`, "dev", this.#link);
      ip("link", "set", this.#link, "up");
      ip("-n", this.#name, "addr", "add", `${this.there}/24`, "dev", peer);
      ip("-n", this.#name, "link", "set", peer, "up");
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** The status that a request from outside gets. */
  ask(port: number, method: string, path: string, header = ""): number {
    const status = /^HTTP\/1\.1 (\d{3})/
      .exec(this.reply(port, method, path, header))?.[1];
    return Number(status);
  }

  /** The whole reply to a request from outside, as text. */
  reply(port: number, method: string, path: string, header = ""): string {
    const request = `${method} ${path} HTTP/1.1\\r\\nHost: lull\\r\\n` +
      `${header === "" ? "" : `${header}\\r\\n`}Connection: close\\r\\n\\r\\n`;
    const script = `exec 3<>/dev/tcp/${this.here}/${port}; ` +
      `printf '${request}' >&3; cat <&3`;
    const { stdout, stderr } = spawnSync(
      "ip",
      ["netns", "exec", this.#name, "bash", "-c", script],
      { encoding: "utf8", timeout: 60_000 },
    );
    if (!stdout.startsWith("HTTP/1.1 ")) {
      throw new Error(`Cannot ask: ${stderr}`);
    }
    return stdout;
  }

  end(): void {
    this.#debt.settle();
  }

  [Symbol.dispose](): void {
    this.end();
  }
}

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: ["ignore", "ignore", "pipe"] });
}
