/**
 * The hooks socket: HTTP over a unix socket, for programs in the guest.
 *
 * On node:http rather than the native servers: both runtimes have it, it tells
 * at once when a program's connection ends, and this socket sees so few
 * requests that its speed does not matter.
 * @module
 */
import { chmodSync, lstatSync, unlinkSync } from "node:fs";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { connect } from "node:net";
import { problem } from "./routes.ts";

/** Owner and group; who is neither has no say in a freeze. */
const MODE = 0o660;

/** What the socket needs. */
export interface HooksSocketOptions {
  /** Its path; the directory must exist. */
  readonly path: string;
  readonly fetch: (request: Request) => Promise<Response> | Response;
  /** Bytes that a body may have; 16384 where none is given. */
  readonly bodyLimitBytes?: number;
  /** Hears what went wrong with a request; the program gets a plain 500. */
  readonly onError: (error: unknown) => void;
}

/** A socket that listens. */
export interface HooksSocket {
  /** Ends every connection and removes the file. */
  close(): Promise<void>;
}

/**
 * Listens. Replaces the file that a dead agent left behind; fails where another
 * agent listens, or the file is no socket.
 */
export async function listenForHooks(
  options: HooksSocketOptions,
): Promise<HooksSocket> {
  const { path, onError } = options;
  await removeStale(path);
  const server = createServer({
    // As rarely as a timer can: every look would wake a quiesced guest.
    connectionsCheckingInterval: 2 ** 31 - 1,
  }, (request, response) => {
    answer(options, request, response).catch((error) => {
      onError(error);
      response.destroy();
    });
  });
  // No timers, for the same reason; a slow caller here only harms itself.
  server.timeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  await listen(server, path);
  chmodSync(path, MODE);
  return {
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  options: HooksSocketOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const ended = new Promise<void>((resolve) => response.once("close", resolve));
  response.on("error", () => {}); // "close" follows, and says the same
  const body = await bodyOf(request, options.bodyLimitBytes ?? 16_384);
  if (body === "broken") return;
  const { method = "GET", url = "/" } = request;
  const bodiless = method === "GET" || method === "HEAD";
  const answer = body === "too large"
    ? problem("body-too-large")
    : await options.fetch(
      new Request(new URL(url, "http://hooks"), {
        method,
        headers: { "content-type": String(request.headers["content-type"]) },
        body: bodiless ? undefined : body,
      }),
    );
  // Only event streams stay: an idle connection would be one more to freeze.
  response.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    connection: "close",
  });
  response.flushHeaders();
  await pump(answer, response, ended);
}

/** Until the program goes, or the answer ends. */
async function pump(
  answer: Response,
  response: ServerResponse,
  ended: Promise<void>,
): Promise<void> {
  const reader = answer.body?.getReader();
  if (reader !== undefined) {
    ended.then(() => reader.cancel(), () => {});
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      response.write(value);
    }
  }
  response.end();
}

async function bodyOf(
  request: IncomingMessage,
  limit: number,
): Promise<Uint8Array<ArrayBuffer> | "too large" | "broken"> {
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const part of request as AsyncIterable<Uint8Array>) {
      length += part.length;
      // Read on: to stop here would end the connection before the answer.
      if (length <= limit) parts.push(part);
    }
  } catch {
    return "broken"; // the program went away in the middle
  }
  if (length > limit) return "too large";
  const body = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += part.length;
  }
  return body;
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error & { code?: string }) =>
      reject(
        new Error(`Cannot listen on ${path}: ${error.code ?? error.message}`),
      ));
    server.listen(path, resolve);
  });
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new Error(`Cannot listen on ${path}: it exists and is no socket`);
  }
  if (await somebodyListens(path)) {
    throw new Error(`Cannot listen on ${path}: another agent listens there`);
  }
  unlinkSync(path);
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    const end = (listens: boolean) => {
      probe.destroy();
      resolve(listens);
    };
    probe.once("connect", () => end(true));
    probe.once("error", () => end(false));
  });
}
