/**
 * A session whose guest a test decides: what the host sends, and what it gets.
 * @module
 */
import type { Guest } from "../../../src/dialects/qemu_ga/command.ts";
import { Session } from "../../../src/dialects/qemu_ga/session.ts";

/** A guest that runs, with no filesystem. */
export function fakeGuest(more: Partial<Guest> = {}): Guest {
  return {
    lifecycle: { state: "running" },
    freeze: {
      status: "thawed",
      freeze: () => Promise.resolve(0),
      thaw: () => Promise.resolve(0),
    },
    libc: {},
    trim: () => Promise.resolve([]),
    execute: () => Promise.resolve(),
    ...more,
  };
}

/** The session, and the host's side of it. */
export class SessionRig {
  readonly session: Session;
  #sent: number[] = [];

  constructor(guest: Guest = fakeGuest()) {
    this.session = new Session({
      guest,
      send: (bytes) => void this.#sent.push(...bytes),
    });
  }

  /** Sends bytes, one at a time if `slowly`; gives all bytes of the replies, as latin1. */
  async bytes(text: string, slowly = false): Promise<string> {
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
    if (slowly) {
      for (const byte of bytes) this.session.receive(Uint8Array.of(byte));
    } else this.session.receive(bytes);
    await this.session.idle;
    const sent = String.fromCharCode(...this.#sent);
    this.#sent = [];
    return sent;
  }

  /** Calls a command; gives its value, or throws its error. */
  async call(execute: string, args?: unknown): Promise<unknown> {
    const text = await this.bytes(
      `${JSON.stringify({ execute, arguments: args })}\n`,
    );
    const reply = JSON.parse(text);
    if (reply.error) {
      throw new Error(`${reply.error.class}: ${reply.error.desc}`);
    }
    return reply.return;
  }
}
