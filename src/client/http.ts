/**
 * One request of HTTP/1.1 on a connection of its own. The client of each runtime cannot use every
 * transport, and hides how long a connection took.
 * @module
 */
import type { ByteStream } from "../util/byte_stream.ts";
import { UnreachableError } from "./errors.ts";

/** A request. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The head of a reply, and its body as it arrives. */
export interface HttpReply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array>;
}

/** The most bytes of the head of a reply, and of a line of a chunked body. */
const MAX_HEAD = 65_536;

/**
 * Sends the request and reads the head of the reply. The caller closes the stream when it has read
 * the body. There is no `Connection: close`: the agent would close a vsock connection just before
 * the freeze.
 */
export async function exchange(
  stream: ByteStream,
  { method, path, headers = {}, body = "" }: HttpRequest,
): Promise<HttpReply> {
  const bytes = new TextEncoder().encode(body);
  const lines = Object.entries({
    host: "lull",
    ...headers,
    ...method !== "GET" ? { "content-length": String(bytes.length) } : {},
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = new TextEncoder().encode(
    `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`,
  );
  stream.write(concat(head, bytes));
  const reader = new Reader(stream.chunks);
  const [first, ...fields] = (await reader.until("\r\n\r\n")).split("\r\n");
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
  if (!status) {
    throw new UnreachableError("Cannot read the reply: it is no HTTP");
  }
  const found = headersOf(fields);
  return { status, headers: found, body: bodyOf(reader, found, status) };
}

/** The text of a body. */
export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

function headersOf(fields: readonly string[]): Headers {
  try {
    return new Headers(fields.filter((field) => field !== "").map(split));
  } catch (cause) {
    throw new UnreachableError(
      "Cannot read the reply: it has a wrong header",
      { cause },
    );
  }
}

function split(field: string): [string, string] {
  const colon = field.indexOf(":");
  return [field.slice(0, colon), field.slice(colon + 1).trim()];
}

async function* bodyOf(
  reader: Reader,
  headers: Headers,
  status: number,
): AsyncIterable<Uint8Array> {
  if (status === 204) return;
  if (headers.get("transfer-encoding")?.toLowerCase() === "chunked") {
    for (;;) {
      const line = await reader.until("\r\n");
      const size = sizeOf(/^[0-9a-f]{1,8}(?![^\s;])/i.exec(line)?.[0], 16);
      if (size === 0) return;
      yield* reader.take(size);
      await reader.until("\r\n");
    }
  }
  const length = headers.get("content-length");
  yield* reader.take(length === null ? Infinity : sizeOf(length, 10));
}

/** A number of bytes. A wrong one would make a part of a body look like the whole. */
function sizeOf(digits: string | undefined, base: 10 | 16): number {
  const size = base === 10 ? Number(digits) : parseInt(digits ?? "", base);
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw new UnreachableError("Cannot read the reply: a length in it is wrong");
}

/** Reads lines and counted bytes from chunks. */
class Reader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The text up to `mark`, which is dropped. */
  async until(mark: string): Promise<string> {
    for (;;) {
      const text = new TextDecoder("latin1").decode(this.#rest);
      const end = text.indexOf(mark);
      if (end >= 0) {
        this.#rest = this.#rest.subarray(end + mark.length);
        return text.slice(0, end);
      }
      if (text.length > MAX_HEAD || !await this.#read()) {
        throw new UnreachableError("Cannot read the reply: it ended too early");
      }
    }
  }

  /** So many bytes, or all until the end if there are infinitely many. */
  async *take(count: number): AsyncIterable<Uint8Array> {
    for (let left = count; left > 0;) {
      if (this.#rest.length === 0 && !await this.#read()) {
        if (count === Infinity) return;
        throw new UnreachableError("Cannot read the reply: it ended too early");
      }
      const part = this.#rest.subarray(0, left);
      this.#rest = this.#rest.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  /** Reads the next chunk; false at the end. */
  async #read(): Promise<boolean> {
    const next = await this.#chunks.next().catch((error) => {
      throw new UnreachableError(
        "Cannot read the reply: the connection broke",
        {
          cause: error,
        },
      );
    });
    if (next.done) return false;
    this.#rest = concat(this.#rest, next.value);
    return true;
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
