/**
 * The conversation with the host: requests in, replies out, one after the other.
 * @module
 */
import { messageOf } from "../../util/errors.ts";
import type { Guest } from "./command.ts";
import { commandOf, isEnabled } from "./commands.ts";
import { disabledByFreeze, ProtocolError, unknownCommand } from "./errors.ts";
import { type Json, jsonText } from "./json.ts";
import { type Parsed, RequestParser } from "./parser.ts";
import { checkArguments, checkRequest, idOf, type Request } from "./request.ts";

/** What a session needs. */
export interface SessionOptions {
  readonly guest: Guest;
  /** Sends bytes to the host. */
  readonly send: (bytes: Uint8Array) => void;
  /** Called with each command before it runs; resolves when it may run. */
  readonly onCommand?: (command: string) => Promise<void>;
}

/** A conversation. It never throws: each error is a reply. */
export class Session {
  readonly #options: SessionOptions;
  readonly #parser = new RequestParser();
  /** Resolves when the reply of the last request is sent. */
  #last: Promise<void> = Promise.resolve();
  /** Grows when the host goes away: replies to its requests are dropped then. */
  #host = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** Takes the next bytes of the host. */
  receive(bytes: Uint8Array): void {
    const host = this.#host;
    for (const parsed of this.#parser.feed(bytes)) {
      this.#last = this.#last.then(async () => {
        const reply = await this.#replyTo(parsed);
        if (reply !== undefined && host === this.#host) {
          this.#options.send(reply);
        }
      });
    }
  }

  /** The host has gone: the next bytes come from another one, and begin anew. */
  hostGone(): void {
    this.#host++;
    this.#parser.reset();
  }

  /** Resolves when all requests so far have been answered. */
  get idle(): Promise<void> {
    return this.#last;
  }

  async #replyTo(parsed: Parsed): Promise<Uint8Array | undefined> {
    let id: Json | undefined;
    try {
      if ("error" in parsed) throw parsed.error;
      id = idOf(parsed.request);
      const request = checkRequest(parsed.request);
      const result = await this.#run(request);
      const { command } = request;
      if (commandOf(command)?.silent) return undefined;
      return encoded(
        { return: result, ...id !== undefined && { id } },
        command === "guest-sync-delimited",
      );
    } catch (error) {
      return encoded({
        error: {
          class: error instanceof ProtocolError
            ? error.errorClass
            : "GenericError",
          desc: messageOf(error),
        },
        ...id !== undefined && { id },
      });
    }
  }

  async #run({ command: name, args }: Request): Promise<unknown> {
    const { guest, onCommand } = this.#options;
    const command = commandOf(name);
    if (command === undefined) throw unknownCommand(name);
    await onCommand?.(name);
    if (!isEnabled(command, guest)) throw disabledByFreeze(name);
    checkArguments(args, command.parameters ?? {});
    if (command.needsRunning && guest.lifecycle.state !== "running") {
      throw new ProtocolError(
        `Cannot run ${name}: the guest is ${guest.lifecycle.state}`,
      );
    }
    return await command.run(guest, args) ?? {};
  }
}

function encoded(reply: unknown, delimited = false): Uint8Array {
  const text = new TextEncoder().encode(`${jsonText(reply)}\n`);
  return delimited ? new Uint8Array([0xff, ...text]) : text;
}
