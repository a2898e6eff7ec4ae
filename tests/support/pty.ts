/**
 * A terminal as the port of the dialect qemu-ga: socat has the host's end.
 * @module
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { existsSync, rmSync } from "node:fs";
import { oweKill } from "./cleanup.ts";
import { until } from "./until.ts";

/** Why there can be no such port here, or false. */
export const withoutPty: string | false =
  spawnSync("socat", ["-V"]).status === 0 ? false : "socat is not installed";

/** The host's end of a port, until it goes away. */
export class HostEnd implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #path: string;
  #debt;
  #ended = false;
  /** What came from the guest, as latin1. */
  received = "";

  private constructor(path: string) {
    this.#path = path;
    this.#child = spawn("socat", ["-", `PTY,raw,echo=0,link=${path}`], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    this.#debt = oweKill(this.#child.pid!);
    this.#child.on("close", () => this.#ended = true);
    this.#child.stdout!.setEncoding("latin1");
    this.#child.stdout!.on("data", (text: string) => this.received += text);
  }

  /** Makes a port at that path, as a host that starts. */
  static async open(path: string): Promise<HostEnd> {
    const host = new HostEnd(path);
    await until("the port", () => existsSync(path));
    return host;
  }

  /** Whether this end reads what the guest writes; true at first. */
  set reads(reads: boolean) {
    if (reads) this.#child.stdout!.resume();
    else this.#child.stdout!.pause();
  }

  /** Sends text, one byte for each character. */
  send(text: string): void {
    this.#child.stdin!.write(Buffer.from(text, "latin1"));
  }

  /** Sends a line; gives the next line of the guest. */
  async ask(line: string, limitMs?: number): Promise<string> {
    this.received = "";
    this.send(`${line}\n`);
    await until(
      `a reply to ${line}`,
      () => this.received.includes("\n"),
      limitMs,
    );
    return this.received;
  }

  /** Calls a command; gives the reply. */
  // deno-lint-ignore no-explicit-any
  async call(execute: string, args?: unknown, limitMs?: number): Promise<any> {
    const request = JSON.stringify({ execute, arguments: args });
    return JSON.parse(await this.ask(request, limitMs));
  }

  /** The host goes away, and its port with it. */
  async end(): Promise<void> {
    if (!this.#ended) this.#child.kill("SIGKILL");
    await until("the end of the host", () => this.#ended);
    rmSync(this.#path, { force: true });
    this.#debt.settled();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
  }
}
