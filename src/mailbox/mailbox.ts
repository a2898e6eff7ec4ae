/**
 * The mailbox: a place whose content appears with the restore, and says what a host would say in a
 * call to recover.
 * @module
 */
import { type Effect, Found, type Skipped } from "../lifecycle/step.ts";
import type { RecoverRequest } from "../lifecycle/request.ts";
import { messageOf } from "../util/errors.ts";
import { textOf } from "../util/utf8.ts";
import type { MailboxSource } from "./source.ts";

/** What a mailbox needs. */
export interface MailboxOptions {
  readonly source: MailboxSource;
  /** The largest number of bytes of the content. */
  readonly maxBytes: number;
  /** Checks the content as the body of a call to recover. Throws an Error that says what is wrong. */
  readonly parse: (value: unknown) => RecoverRequest;
  /** The guest's wall clock in milliseconds since 1970; Date.now() if not given. */
  readonly wallClock?: () => number;
}

/** A recovery that reads the mailbox. */
interface Reader {
  /** The id of the operation that is recovered. */
  readonly operation: string;
  readonly signal?: AbortSignal;
}

/** Reads the content, and tells new content from known one. */
export class Mailbox {
  readonly #options: MailboxOptions;
  /** The digest of the content that was read last; empty for no content; undefined before. */
  #known: string | undefined;

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  /**
   * Notes the content that is there before the snapshot, if no content was read before. Later
   * prepares read nothing: the content of a fork may have secrets, which the next snapshot must not
   * hold.
   */
  async note(signal?: AbortSignal): Promise<Effect | Skipped> {
    if (this.#known !== undefined) {
      return { skipped: "the last content that was read is known" };
    }
    const bytes = await this.#read(signal);
    const hasContent = bytes.length > 0;
    this.#known = await digestOf(bytes);
    return { source: this.#options.source.name, hasContent };
  }

  /**
   * Reads the content of this fork. Content is applied once, and content that was there before the
   * snapshot is not applied at all. Throws if the mailbox cannot be read or its content is wrong.
   */
  async take({ operation, signal }: Reader): Promise<Found | Skipped> {
    const { source: { name }, parse, wallClock = Date.now } = this.#options;
    const bytes = await this.#read(signal);
    const receivedAt = performance.now();
    if (bytes.length === 0) return { skipped: `the mailbox ${name} is empty` };
    const text = textOf(bytes);
    const digest = await digestOf(bytes);
    bytes.fill(0); // it may hold secrets
    if (digest === this.#known) {
      return { skipped: `the content of the mailbox ${name} is known` };
    }
    const { operation: wanted, ...request } = checked(name, text, parse);
    this.#known = digest;
    if (wanted !== undefined && wanted !== operation) {
      const why = "is for another operation";
      return { skipped: `the content of the mailbox ${name} ${why}` };
    }
    const fields = Object.keys(request);
    const effect = { source: name, fields };
    const { hostTime, ...timeless } = request;
    if (hostTime === undefined) return new Found(effect, request);
    // The host wrote its time before the restore: the guest's clock is later only if another source
    // has already set it.
    if (hostTime < wallClock()) {
      const problem = "hostTime is before the guest's own time";
      return new Found({ ...effect, problems: [problem] }, timeless);
    }
    return new Found(effect, { ...request, receivedAt });
  }

  /** The content up to its padding. */
  async #read(signal?: AbortSignal): Promise<Uint8Array> {
    const { source, maxBytes } = this.#options;
    const bytes = await source.read(maxBytes, signal);
    const zero = bytes.indexOf(0);
    const content = trimmed(zero < 0 ? bytes : bytes.subarray(0, zero));
    if (content.length > maxBytes) {
      throw wrong(source.name, `it has more than ${maxBytes} bytes`);
    }
    return content;
  }
}

function checked(
  name: string,
  text: string | undefined,
  parse: MailboxOptions["parse"],
): RecoverRequest {
  if (text === undefined) throw wrong(name, "it is no text in UTF-8");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw wrong(name, "it is no JSON");
  }
  try {
    return parse(value);
  } catch (error) {
    throw wrong(name, messageOf(error));
  }
}

function wrong(name: string, why: string): Error {
  return new Error(`Cannot use the content of the mailbox ${name}: ${why}`);
}

/** Without spaces and line ends at the end: a file usually ends with one. */
function trimmed(bytes: Uint8Array): Uint8Array {
  const end = bytes.findLastIndex((byte) => !" \t\r\n".includes(char(byte)));
  return bytes.subarray(0, end + 1);
}

function char(byte: number): string {
  return String.fromCharCode(byte);
}

/** SHA-256 in hexadecimal; empty for no content. The content itself is not kept: it may be secret. */
async function digestOf(bytes: Uint8Array): Promise<string> {
  if (bytes.length === 0) return "";
  // A copy: the types of Web Crypto allow no buffer that could be shared.
  const digest = await crypto.subtle.digest("SHA-256", bytes.slice());
  return [...new Uint8Array(digest)]
    .map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
