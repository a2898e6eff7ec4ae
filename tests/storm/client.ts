/**
 * Requests of a storm, and what happened to them.
 * @module
 */
import assert from "node:assert/strict";
import { type Reply, Wire } from "../support/wire.ts";
import type { Life } from "./life.ts";
import { assertKnown } from "./truth.ts";

/** Milliseconds that a reply may take: hooks that hang, and a stopped process. */
const REPLY_MS = 60_000;
/** Milliseconds that a prepare leaves a connection that says nothing alone. */
const FRESH_MS = 40;
/** Lines of the trace that a failure shows. */
const TRACE = 60;

/** Asks one agent after the other, and remembers the last calls. */
export class Client {
  /** How often each reply came, by method, path and status. */
  readonly counts = new Map<string, number>();
  /** The newest generation that a reply has told. */
  generation = 0;
  readonly #trace: string[] = [];
  readonly #start = performance.now();

  /** Notes something that happened. */
  note(text: string): void {
    const ms = (performance.now() - this.#start).toFixed(0).padStart(6);
    this.#trace.push(`${ms} ${text}`);
    if (this.#trace.length > TRACE) this.#trace.shift();
  }

  get trace(): string {
    return this.#trace.join("\n");
  }

  /**
   * One request on a connection of its own. Undefined if it was lost: the agent
   * ends, a host says that the machine was restored, or a prepare closed the
   * connection before the request had come.
   */
  async ask(
    who: string,
    life: Life,
    method: string,
    path: string,
    body?: object | string,
  ): Promise<Reply | undefined> {
    const text = typeof body === "object" ? JSON.stringify(body) : body ?? "";
    const told = `${who} ${method} ${path} ${text.slice(0, 120)}`;
    const start = performance.now();
    this.note(`${told} ...`);
    const reply = await send(life, method, path, text);
    const lost = life.ends ? "lost with the agent" : "lost beside a prepare";
    const result = typeof reply === "string" ? lost : reply.status;
    const name = `${method} ${path.split("?")[0]} ${result}`;
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
    const ms = (performance.now() - start).toFixed(0);
    this.note(`${told} -> ${result}, ${ms} ms`);
    if (typeof reply === "string") {
      assert.ok(life.ends || reply === "lost", `${told}: ${reply}`);
      return undefined;
    }
    assertKnown(reply, life);
    return reply;
  }

  /** Generations never go back: not for a caller that has seen a newer one. */
  sawGeneration(generation: number, atLeast: number): void {
    assert.ok(
      generation >= atLeast,
      `generation ${generation} after ${atLeast}`,
    );
    this.generation = Math.max(this.generation, generation);
  }
}

/** The reply; `lost` if the agent may close the connection, or what is wrong. */
async function send(
  life: Life,
  method: string,
  path: string,
  body: string,
): Promise<Reply | "lost" | string> {
  const start = performance.now();
  let sent = Infinity;
  let wire: Wire | undefined;
  try {
    wire = await Wire.open(life.agent.port);
    wire.request(method, path, body);
    sent = performance.now();
    return await wire.response(REPLY_MS);
  } catch (error) {
    const closed = String(error).endsWith('closed after ""');
    const mayBe = life.restores || sent - start > FRESH_MS;
    return closed && mayBe ? "lost" : String(error);
  } finally {
    wire?.end();
  }
}
