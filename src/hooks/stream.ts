/**
 * The event stream of one program: sends events and matches acknowledgements.
 * @module
 */
import { since } from "../util/errors.ts";
import { type Early, endEarly } from "../util/within.ts";
import {
  type CallLimits,
  type HookEvent,
  type HookResult,
  reasonOf,
} from "./hook.ts";
import { OUTPUT } from "./output.ts";

type Reply = { readonly error?: string } | Early | "closed" | "unsent";

/** A program that holds a connection open and reads events from it. */
export class EventStream {
  readonly #send: (text: string) => void;
  readonly #waiting = new Map<string, (reply: Reply) => void>();
  #closed = false;

  /** `send` writes to the connection; it throws if the connection has ended. */
  constructor(send: (text: string) => void) {
    this.#send = send;
  }

  /**
   * Sends an event and waits for its acknowledgement, or until the connection ends.
   * Never rejects.
   */
  async call(
    id: string,
    event: HookEvent,
    limits: CallLimits,
  ): Promise<Omit<HookResult, "name" | "kind">> {
    const start = performance.now();
    const reply = await this.#ask(id, event, limits);
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
    const reason = "the program reported an error";
    return { status: "failed", ms, reason, [OUTPUT]: reply.error };
  }

  /** Accepts the acknowledgement of an event; false if no call waits for it. */
  acknowledge(id: string, error?: string): boolean {
    const resolve = this.#waiting.get(id);
    resolve?.({ error });
    return resolve !== undefined;
  }

  /** Called when the connection has ended; ends the calls that wait. */
  close(): void {
    this.#closed = true;
    for (const resolve of this.#waiting.values()) resolve("closed");
  }

  async #ask(id: string, event: HookEvent, limits: CallLimits): Promise<Reply> {
    if (this.#closed) return "unsent";
    let cancel = () => {};
    try {
      return await new Promise<Reply>((resolve) => {
        this.#waiting.set(id, resolve);
        cancel = endEarly(limits, resolve);
        try {
          this.#send(eventOf(id, event));
        } catch {
          resolve("unsent"); // the connection has ended, close() is still to be called
        }
      });
    } finally {
      cancel();
      this.#waiting.delete(id);
    }
  }
}

/** A server-sent event (WHATWG HTML, 9.2.6). JSON text contains no line breaks. */
function eventOf(id: string, event: HookEvent): string {
  const data = JSON.stringify({ id, ...event });
  return `event: ${event.phase}\nid: ${id}\ndata: ${data}\n\n`;
}
