/**
 * HTTP/1.1 on a bare socket, because HTTP clients hide what Lull is about: who
 * closes, when, and what is half sent.
 */
import net from "node:net";
import { until } from "./until.ts";

/** A reply as it came over the wire. */
export interface RawResponse {
  readonly status: number;
  readonly headers: Map<string, string>;
  readonly body: string;
  json<T>(): T;
}

/** One connection. */
export class Raw {
  readonly #socket: net.Socket;
  #received = "";
  #ended = false;
  #failed: Error | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text) => this.#received += text);
    socket.on("end", () => this.#ended = true);
    socket.on("close", () => this.#ended = true);
    socket.on("error", (error) => this.#failed = error);
  }

  /** Connects and sends nothing. */
  static async open(port: number, host = "127.0.0.1"): Promise<Raw> {
    const raw = new Raw(net.connect({ port, host, noDelay: true }));
    await until(
      `a connection to port ${port}`,
      // A prepare may have closed it before this looks.
      () => raw.closed || raw.#socket.readyState === "open",
    );
    if (raw.#failed !== undefined) throw raw.#failed;
    return raw;
  }

  /** Connects to a unix socket. */
  static async openPath(path: string): Promise<Raw> {
    const raw = new Raw(net.connect(path));
    await until(
      `a connection to ${path}`,
      () => raw.closed || raw.#socket.readyState === "open",
    );
    if (raw.#failed !== undefined) throw raw.#failed;
    return raw;
  }

  /** Connects through the unix socket of a hypervisor's vsock device, as Firecracker has it. */
  static async openVsock(
    path: string,
    port: number,
    limitMs = 30_000,
  ): Promise<Raw> {
    const raw = new Raw(net.connect(path));
    raw.send(`CONNECT ${port}\n`);
    try {
      await until("the device's OK", () => {
        if (raw.closed) {
          throw new Error(`Cannot connect to port ${port}: the device refused`);
        }
        const end = raw.#received.indexOf("\n");
        if (end < 0) return false;
        raw.#received = raw.#received.slice(end + 1);
        return true;
      }, limitMs);
    } catch (error) {
      raw.destroy();
      throw error;
    }
    return raw;
  }

  /** True once the agent has closed its side, or reset the connection. */
  get closed(): boolean {
    return this.#ended || this.#failed !== undefined;
  }

  /** What was received, and not yet taken as a reply. */
  get received(): string {
    return this.#received;
  }

  /** True once the kernel has taken all that was sent. */
  get flushed(): boolean {
    return this.#socket.writableLength === 0;
  }

  get localPort(): number {
    return this.#socket.localPort ?? 0;
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** Sends a request, whole. */
  request(
    method: string,
    path: string,
    body = "",
    headers: Record<string, string> = {},
  ): void {
    const lines = Object.entries({
      host: "lull",
      ...(body === "" ? {} : { "content-length": String(body.length) }),
      ...headers,
    }).map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.send(`${method} ${path} HTTP/1.1\r\n${lines}\r\n${body}`);
  }

  /** The next reply. */
  async response(limitMs = 30_000): Promise<RawResponse> {
    return await until("a reply", () => {
      const response = this.#take();
      if (response === undefined && this.closed) {
        throw new Error(
          `Cannot read a reply: closed after ${
            JSON.stringify(this.#received)
          }` +
            (this.#failed ? `, ${this.#failed.message}` : ""),
        );
      }
      return response;
    }, limitMs);
  }

  /** The next reply, where it is one without a body: to a HEAD. */
  async head(limitMs = 30_000): Promise<RawResponse> {
    return await until("a reply", () => this.#take(0), limitMs);
  }

  /** Waits until the agent has closed the connection. */
  async gone(limitMs = 30_000): Promise<void> {
    await until("the end of the connection", () => this.closed, limitMs);
  }

  /** Hangs up. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** Sends nothing more, and still reads. */
  end(): void {
    this.#socket.end();
  }

  /** Hangs up with a reset. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Without `length` it is that of the header. */
  #take(length?: number): RawResponse | undefined {
    const head = this.#received.indexOf("\r\n\r\n");
    if (head < 0) return undefined;
    const [first, ...lines] = this.#received.slice(0, head).split("\r\n");
    const headers = new Map(lines.map((line) => {
      const colon = line.indexOf(":");
      return [
        line.slice(0, colon).toLowerCase(),
        line.slice(colon + 1).trim(),
      ] as const;
    }));
    const end = head + 4 +
      (length ?? Number(headers.get("content-length") ?? 0));
    if (this.#received.length < end) return undefined;
    const body = this.#received.slice(head + 4, end);
    this.#received = this.#received.slice(end);
    return {
      status: Number(first.split(" ")[1]),
      headers,
      body,
      json: () => JSON.parse(body),
    };
  }
}

/** One request on a connection of its own. */
export async function ask(
  port: number,
  method: string,
  path: string,
  body = "",
  headers: Record<string, string> = {},
  host?: string,
): Promise<RawResponse> {
  const raw = await Raw.open(port, host);
  try {
    raw.request(method, path, body, headers);
    return await raw.response();
  } finally {
    raw.destroy();
  }
}
