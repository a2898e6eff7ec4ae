/**
 * The event stream of one program: what it is told, and what it acknowledged.
 * @module
 */
import { since } from "../util/errors.ts";
import { deadline, type Ended, reasonOf } from "./deadline.ts";
import type { HookEvent, HookResult, Limits } from "./hook.ts";
import { OUTPUT } from "./output.ts";

type Reply = { readonly error?: string } | Ended | "closed" | "unsent";

/** A program that holds a connection open and reads events from it. */
export class EventStream {
  readonly #send: (text: string) => void;
  readonly #waiting = new Map<string, (reply: Reply) => void>();
  #closed = false;

  /** `send` writes to the connection. */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /**
   * Sends an event and waits for its acknowledgement. Nobody waits for a
   * program whose connection has ended; never throws.
   */
  async call(
    id: string,
    facts: HookEvent,
    limits: Limits,
  ): Promise<Omit<HookResult, "name" | "kind">> {
    const start = performance.now();
    const reply = await this.#ask(id, facts, limits);
    const ms = since(start);
    if (reply === "unsent") {
      const reason = "the connection has ended";
      return { status: "gone", ms, reached: false, reason };
    }
    if (reply === "closed") {
      const reason = "the connection ended before the acknowledgement";
      return { status: "gone", ms, reason };
    }
    if (typeof reply === "string") {
      return { status: reply, ms, reason: reasonOf(reply, limits.limitMs) };
    }
    if (reply.error === undefined) return { status: "done", ms };
    const reason = "it acknowledged with an error";
    return { status: "failed", ms, reason, [OUTPUT]: reply.error };
  }

  /** Takes an acknowledgement; false if nobody waits for that one. */
  acknowledge(id: string, error?: string): boolean {
    const resolve = this.#waiting.get(id);
    resolve?.({ error });
    return resolve !== undefined;
  }

  /** The connection has ended. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#waiting.values()) resolve("closed");
  }

  async #ask(id: string, facts: HookEvent, limits: Limits): Promise<Reply> {
    if (this.#closed) return "unsent";
    let off = () => {};
    try {
      return await new Promise<Reply>((resolve) => {
        this.#waiting.set(id, resolve);
        off = deadline(limits, resolve);
        try {
          this.#send(eventOf(id, facts));
        } catch {
          resolve("unsent"); // it ended, and its end is still to be heard of
        }
      });
    } finally {
      off();
      this.#waiting.delete(id);
    }
  }
}

/** One server-sent event (WHATWG HTML, 9.2.6); JSON has no line breaks. */
function eventOf(id: string, facts: HookEvent): string {
  const data = JSON.stringify({ id, ...facts });
  return `event: ${facts.phase}\nid: ${id}\ndata: ${data}\n\n`;
}
