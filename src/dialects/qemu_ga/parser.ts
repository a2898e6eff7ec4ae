/**
 * Finds the requests in the bytes that a host sends. A request ends with its last brace: a line end
 * after it is not needed. A byte 0xFF, which no JSON has, drops what came before it, so that a host
 * can begin anew after any garbage.
 * @module
 */
import { ProtocolError } from "./errors.ts";
import { textOf } from "../../util/utf8.ts";
import { type Json, parseJson } from "./json.ts";

/** The largest request in bytes. */
const MAX_BYTES = 65_536;
/** The deepest nesting of a request. */
const MAX_DEPTH = 64;

const [SENTINEL, LINE_END, QUOTE, BACKSLASH] = [0xff, 0x0a, 0x22, 0x5c];
const [OPEN, CLOSE] = [[0x7b, 0x5b], [0x7d, 0x5d]]; // { [ and } ]
const BLANKS = [0x20, 0x09, 0x0d, LINE_END];

/** A request, or why the bytes are none. */
export type Parsed = { readonly request: Json } | {
  readonly error: ProtocolError;
};

/** Parses a stream of requests. */
export class RequestParser {
  #bytes: number[] = [];
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Dropping the rest of a request that cannot be used, until the next line or 0xFF. */
  #skipping = false;

  /** Takes the next bytes; returns the requests and the errors that they complete, in order. */
  feed(bytes: Uint8Array): Parsed[] {
    const found: Parsed[] = [];
    for (const byte of bytes) {
      const parsed = this.#take(byte);
      if (parsed !== undefined) found.push(parsed);
    }
    return found;
  }

  /** Drops what came so far: the host has gone. */
  reset(): void {
    this.#bytes = [];
    this.#depth = 0;
    this.#inString = this.#escaped = this.#skipping = false;
  }

  #take(byte: number): Parsed | undefined {
    if (byte === SENTINEL) {
      this.reset();
      // The QEMU guest agent has an error for this byte, too; hosts skip it.
      return failure("JSON parse error, stray data before a request");
    }
    if (this.#skipping) {
      if (byte === LINE_END) this.reset();
      return;
    }
    if (this.#inString) return this.#takeInString(byte);
    if (this.#depth === 0) {
      if (BLANKS.includes(byte)) return this.#word();
      if (OPEN.includes(byte) && this.#bytes.length > 0) {
        // A word before a request, without a blank.
        const error = this.#word();
        this.#take(byte);
        return error;
      }
    }
    this.#bytes.push(byte);
    if (this.#bytes.length > MAX_BYTES) return this.#skip();
    if (byte === QUOTE) this.#inString = true;
    else if (OPEN.includes(byte)) {
      if (++this.#depth > MAX_DEPTH) return this.#skip();
    } else if (CLOSE.includes(byte) && --this.#depth <= 0) return this.#end();
  }

  #takeInString(byte: number): Parsed | undefined {
    // A string has no line end: the request was cut off, and the next line is another one.
    if (byte === LINE_END) {
      this.reset();
      return failure("JSON parse error, a string without an end");
    }
    this.#bytes.push(byte);
    if (this.#bytes.length > MAX_BYTES) return this.#skip();
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inString = false;
  }

  /** What is not in braces ends at a blank. */
  #word(): Parsed | undefined {
    return this.#bytes.length === 0 ? undefined : this.#end();
  }

  #skip(): Parsed {
    this.reset();
    this.#skipping = true;
    return failure("JSON parse error, the request is too large");
  }

  #end(): Parsed {
    const text = textOf(new Uint8Array(this.#bytes));
    this.reset();
    if (text === undefined) {
      return failure("JSON parse error, the request is no UTF-8");
    }
    try {
      return { request: parseJson(text) };
    } catch {
      return failure("JSON parse error, invalid request");
    }
  }
}

function failure(message: string): Parsed {
  return { error: new ProtocolError(message) };
}
