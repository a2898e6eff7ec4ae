/**
 * A stand-in for the metadata service of Firecracker (MMDS, version 2), by its documentation: a token
 * from a PUT, and a GET of a JSON pointer that needs it.
 * @module
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** A request that arrived. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The service. */
export class FakeMmds {
  /** What the host has put: an object by keys. */
  content: Record<string, unknown> = {};
  /** Version 1 has no tokens. */
  version: 1 | 2 = 2;
  /** If true, no request gets a reply. */
  silent = false;
  readonly asked: Asked[] = [];
  readonly #server: Server;
  #tokens = 0;

  private constructor() {
    this.#server = createServer((request, response) => {
      const { method = "", url: path = "", headers } = request;
      this.asked.push({ method, path, headers });
      if (this.silent) return;
      const { status, body } = this.#answer(method, path, headers);
      response.writeHead(status, { "content-type": "application/json" });
      response.end(body);
    });
  }

  /** Listens on a free port of 127.0.0.1, or where the test says. */
  static async start(port = 0, host = "127.0.0.1"): Promise<FakeMmds> {
    const mmds = new FakeMmds();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    mmds.#server.on("error", reject);
    mmds.#server.listen(port, host, resolve);
    await promise;
    return mmds;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(
    method: string,
    path: string,
    headers: Readonly<Record<string, unknown>>,
  ): { status: number; body: string } {
    if (method === "PUT" && path === "/latest/api/token") {
      if (this.version === 1) return { status: 405, body: "Not allowed" };
      const seconds = Number(headers["x-metadata-token-ttl-seconds"]);
      if (!(seconds >= 1 && seconds <= 21_600)) {
        return { status: 400, body: "Invalid time to live" };
      }
      return { status: 200, body: `token-${++this.#tokens}` };
    }
    if (method !== "GET") return { status: 405, body: "Not allowed" };
    if (
      this.version === 2 &&
      headers["x-metadata-token"] !== `token-${this.#tokens}`
    ) return { status: 401, body: "No MMDS token provided" };
    const found = this.content[path.slice(1)];
    if (found === undefined) return { status: 404, body: "Resource not found" };
    // Without this header, the service replies with a list of keys.
    if (headers.accept !== "application/json") {
      return { status: 200, body: Object.keys(found as object).join("\n") };
    }
    return { status: 200, body: JSON.stringify(found) };
  }
}
