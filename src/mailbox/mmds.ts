/**
 * A mailbox in the metadata service of Firecracker (MMDS): HTTP on a link-local address, with a token
 * for each read (version 2), or without (version 1).
 * @module
 */
import type { IncomingMessage } from "node:http";
import { errorText } from "../util/errors.ts";
import { nodeHttp } from "../util/lazy_builtins.ts";
import { endEarly } from "../util/within.ts";
import type { MailboxSource } from "./source.ts";

/** Where the service is: the default address of Firecracker. */
const MMDS: Place = { host: "169.254.169.254", port: 80 };
/** Milliseconds for the token and the content together. */
const LIMIT_MS = 1000;
/** Seconds that a token is valid. */
const TOKEN_SECONDS = 60;
const TOKEN_PATH = "/latest/api/token";
/** The key of the metadata that is the mailbox: other programs have other keys. */
const CONTENT_PATH = "/lull";

/** The address of the service. */
interface Place {
  readonly host: string;
  readonly port: number;
}

interface Reply {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Reads the key `lull` of the metadata. If the host has not set it, the mailbox is empty. */
export function mmdsSource(place: Place = MMDS): MailboxSource {
  return {
    name: "mmds",
    limitMs: LIMIT_MS,
    async read(maxBytes, signal) {
      const end = performance.now() + LIMIT_MS;
      const send = (method: string, path: string, headers = {}) =>
        exchange({ ...place, method, path, headers }, {
          limitMs: Math.max(0, end - performance.now()),
          ...{ maxBytes, signal },
        });
      try {
        const { status, body } = await send("GET", CONTENT_PATH, {
          accept: "application/json",
          ...await tokenOf(send),
        });
        if (status === 200) return body;
        if (status === 404) return new Uint8Array();
        throw new Error(`the reply to GET ${CONTENT_PATH} is ${status}`);
      } catch (cause) {
        const { host, port } = place;
        const why = errorText(cause);
        throw new Error(
          `Cannot read the mailbox mmds at ${host}:${port}: ${why}`,
          { cause },
        );
      }
    },
  };
}

/** The header with a new token; none if the service has no tokens. */
async function tokenOf(
  send: (
    method: string,
    path: string,
    headers: Record<string, string>,
  ) => Promise<Reply>,
): Promise<Record<string, string>> {
  const { status, body } = await send("PUT", TOKEN_PATH, {
    "x-metadata-token-ttl-seconds": String(TOKEN_SECONDS),
    "content-length": "0",
  });
  if (status === 200) {
    return { "x-metadata-token": new TextDecoder().decode(body).trim() };
  }
  if (status === 404 || status === 405) return {};
  throw new Error(`the reply to PUT ${TOKEN_PATH} is ${status}`);
}

/** Sends one request on a connection of its own, which is closed then. */
function exchange(
  request: Place & {
    readonly method: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
  },
  { limitMs, maxBytes, signal }: {
    readonly limitMs: number;
    readonly maxBytes: number;
    readonly signal?: AbortSignal;
  },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => {
      cancel();
      reject(error);
      sent.destroy();
    };
    const sent = nodeHttp().request({
      ...request,
      agent: false,
      headers: { ...request.headers, connection: "close" },
    }, (response: IncomingMessage) => {
      const parts: Uint8Array[] = [];
      let size = 0;
      const end = () => {
        cancel();
        const body = joined(parts).subarray(0, maxBytes + 1);
        resolve({ status: response.statusCode ?? 0, body });
      };
      response.on("data", (part: Uint8Array) => {
        parts.push(part);
        size += part.length;
        if (size <= maxBytes) return;
        end();
        sent.destroy();
      });
      response.on("end", end);
      response.on("error", fail);
      response.on("aborted", () => fail(new Error("the reply is incomplete")));
    });
    const cancel = endEarly({ limitMs, signal }, (early) =>
      fail(
        new Error(
          early === "timeout" ? `no reply within ${LIMIT_MS} ms` : "given up",
        ),
      ));
    sent.on("error", fail);
    sent.end();
  });
}

/** Joins the parts, and zeroes each of them: they may hold secrets. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
    part.fill(0);
  }
  return all;
}
