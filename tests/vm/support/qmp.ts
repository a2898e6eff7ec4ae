import type { Readable, Writable } from "node:stream";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface Message {
  readonly QMP?: unknown;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly desc: string };
}

/**
 * QEMU's control protocol: one JSON document per line in both directions (QEMU
 * Machine Protocol Specification). Over pipes, so that there is no socket file
 * whose path could be too long or stay behind.
 */
export class Qmp {
  readonly #output: Writable;
  readonly #pending = new Map<number, Pending>();
  readonly #greeting = Promise.withResolvers<void>();
  #nextId = 1;
  #text = "";
  #dead: Error | undefined;

  constructor(input: Readable, output: Writable) {
    this.#output = output;
    // A QEMU that has gone is told by close(), with its last words.
    output.on("error", () => {});
    input.setEncoding("utf8");
    input.on("data", (chunk: string) => this.#read(chunk));
    this.#greeting.promise.catch(() => {});
  }

  /** Waits for QEMU's greeting and leaves the negotiation mode. */
  async ready(): Promise<void> {
    await this.#greeting.promise;
    await this.execute("qmp_capabilities");
  }

  /** Runs one command; an Error with QEMU's description if it refuses. */
  async execute<T = unknown>(
    command: string,
    args: Record<string, unknown> = {},
  ): Promise<T> {
    if (this.#dead) throw this.#dead;
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#pending.set(id, { resolve, reject });
    const text = JSON.stringify({ execute: command, arguments: args, id });
    this.#output.write(`${text}\n`);
    try {
      return await promise as T;
    } catch (error) {
      const why = error instanceof Error ? error.message : error;
      throw new Error(`Cannot ${command}: ${why}`, { cause: error });
    }
  }

  /** Runs a line of the human monitor and gives what it prints. */
  human(line: string): Promise<string> {
    return this.execute("human-monitor-command", { "command-line": line });
  }

  /** Fails everything that still waits. */
  close(error: Error): void {
    this.#dead ??= error;
    this.#greeting.reject(error);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #read(chunk: string): void {
    this.#text += chunk;
    for (;;) {
      const end = this.#text.indexOf("\n");
      if (end < 0) return;
      const line = this.#text.slice(0, end);
      this.#text = this.#text.slice(end + 1);
      if (line.trim() !== "") this.#take(JSON.parse(line));
    }
  }

  #take(message: Message): void {
    if (message.QMP) this.#greeting.resolve();
    if (message.id === undefined) return; // An event; the driver asks instead.
    const pending = this.#pending.get(message.id);
    this.#pending.delete(message.id);
    if (message.error) pending?.reject(new Error(message.error.desc));
    else pending?.resolve(message.return);
  }
}
