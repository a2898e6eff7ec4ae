/**
 * HTTP/1.1 on a bare socket without polling, for tests that send thousands of
 * requests. Raw is for those that look closely at one.
 */
import { connect, type Socket } from "node:net";

/** Milliseconds that a test waits for the agent. */
const LIMIT_MS = 30_000;

/** A reply. */
export interface Reply {
  readonly status: number;
  readonly body: string;
  readonly closes: boolean;
  /** The id in its header `lull-operation`. */
  readonly operation: string | undefined;
}

/**
 * Asks again, once, where a prepare closed the connection as idle: this process
 * may lose its CPU between the connect and the first byte.
 */
export async function again<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!String(error).endsWith('closed after ""')) throw error;
    return await ask();
  }
}

/** One connection; it lasts until either side ends it. */
export class Wire {
  readonly #socket: Socket;
  #received = "";
  #closed = false;
  #wake = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    const wake = () => this.#wake();
    const close = () => {
      this.#closed = true;
      this.#wake();
    };
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      this.#received += text;
      wake();
    });
    socket.on("end", close);
    socket.on("close", close);
    socket.on("error", close);
    socket.on("drain", wake);
  }

  /** Connects and sends nothing. */
  static open(port: number): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", noDelay: true });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new Wire(socket)));
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** Sends a request, whole. */
  request(method: string, path: string, body = ""): void {
    this.send(
      `${method} ${path} HTTP/1.1\r\nhost: lull\r\n` +
        `content-length: ${body.length}\r\n\r\n${body}`,
    );
  }

  /** The next reply. */
  async response(limitMs = LIMIT_MS): Promise<Reply> {
    const reply = await this.#until("a reply", () => {
      const reply = this.#take();
      if (reply !== undefined || !this.#closed) return reply;
      throw new Error(
        `Cannot read a reply: closed after ${JSON.stringify(this.#received)}`,
      );
    }, limitMs);
    return reply;
  }

  /** A request and its reply. */
  ask(method: string, path: string, body = ""): Promise<Reply> {
    this.request(method, path, body);
    return this.response();
  }

  /** Waits until the agent has closed the connection. */
  async gone(what: string): Promise<void> {
    await this.#until(`the end of ${what}`, () => this.#closed || undefined);
  }

  /** Hangs up. */
  end(): void {
    this.#socket.destroy();
  }

  #until<T>(
    what: string,
    look: () => T | undefined,
    limitMs = LIMIT_MS,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const done = (action: () => void) => {
        clearTimeout(timer);
        this.#wake = () => {};
        action();
      };
      const timer = setTimeout(
        () =>
          done(() => reject(new Error(`Cannot wait any longer for ${what}`))),
        limitMs,
      );
      this.#wake = () => {
        try {
          const found = look();
          if (found !== undefined) done(() => resolve(found));
        } catch (error) {
          done(() => reject(error));
        }
      };
      this.#wake();
    });
  }

  #take(): Reply | undefined {
    const headEnd = this.#received.indexOf("\r\n\r\n");
    if (headEnd < 0) return undefined;
    const head = this.#received.slice(0, headEnd);
    const headers = head.toLowerCase();
    const length = Number(/\r\ncontent-length: (\d+)/.exec(headers)?.[1] ?? 0);
    const end = headEnd + 4 + length;
    if (this.#received.length < end) return undefined;
    const body = this.#received.slice(headEnd + 4, end);
    this.#received = this.#received.slice(end);
    return {
      status: Number(headers.split(" ")[1]),
      body,
      closes: headers.includes("\r\nconnection: close"),
      operation: /\r\nlull-operation: (\S+)/i.exec(head)?.[1],
    };
  }
}
