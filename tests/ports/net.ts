/**
 * Servers, clients and a worker whose thread can be watched, for the tests of
 * the port subsystem.
 * @module
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
  type AddressInfo,
  connect,
  createServer,
  type Server,
  type Socket,
} from "node:net";
import { networkInterfaces } from "node:os";
import process from "node:process";
import type { PortLog } from "../../src/ports/log.ts";
import { Descriptors } from "../../src/ports/relay/descriptors.ts";
import { loadLibc } from "../../src/linux/libc.ts";
import { loadRuntime } from "../../src/runtime/mod.ts";
import type { Runtime } from "../../src/runtime/types.ts";

/** A loopback address of this process alone: other tests may run beside it. */
export const FORWARD_ADDRESS = [
  127,
  10 + (process.pid >> 16),
  (process.pid >> 8) & 255,
  process.pid & 255,
].join(".");

/** The reason to skip a test of IPv6, or false. */
export const noIpv6 = Object.values(networkInterfaces()).flat()
    .some((one) => one?.address === "::1")
  ? false
  : "no interface has ::1";

/** Milliseconds that a worker may take to stop where its answer is asked for. */
export const STOP_LIMIT_MS = 10_000;

/** Collects lines as `level message`. */
export class RecordedLog implements PortLog {
  readonly lines: string[] = [];
  debug = (message: string) => this.lines.push(`debug ${message}`);
  info = (message: string) => this.lines.push(`info ${message}`);
  warn = (message: string) => this.lines.push(`warn ${message}`);

  matching(pattern: RegExp): string[] {
    return this.lines.filter((line) => pattern.test(line));
  }
}

/** A server of a test: every connection is given to `serve`. */
export class TestServer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #closed: Promise<unknown> | undefined;

  constructor(serve: (socket: Socket) => void) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      // resets are what some tests look at, from the other side
      socket.on("error", () => {});
      serve(socket);
    });
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  async listen(host: string, port = 0): Promise<number> {
    const listening = once(this.#server, "listening");
    this.#server.listen({ host, port });
    await listening;
    return (this.#server.address() as AddressInfo).port;
  }

  /** Accepts no more clients; open connections continue. */
  stopListening(): void {
    this.#closed ??= new Promise((resolve) => this.#server.close(resolve));
  }

  async close(): Promise<void> {
    this.stopListening();
    for (const socket of this.#sockets) socket.destroy();
    await this.#closed;
    this.#closed = undefined;
  }
}

/** Answers what it was sent, once the client has ended. */
export function echoAfterEnd(socket: Socket): void {
  const chunks: Uint8Array[] = [];
  socket.on("data", (chunk: Uint8Array) => chunks.push(chunk));
  socket.on("end", () => {
    for (const chunk of chunks) socket.write(chunk);
    socket.end(" and that was all");
  });
}

/** Connects to the forward address. */
export async function dial(
  port: number,
  host = FORWARD_ADDRESS,
): Promise<Socket> {
  const socket = connect({ host, port, allowHalfOpen: true });
  await once(socket, "connect");
  return socket;
}

/** Sends the text, ends, and reads the reply to its end. */
export async function ask(port: number, text: string): Promise<string> {
  const socket = await dial(port);
  socket.end(text);
  return await readText(socket);
}

/**
 * The rest of what the socket receives, as text. Not an async iterator: at its
 * end that destroys the socket, and with it the other direction.
 */
export async function readText(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk) => text += chunk.toString());
  await once(socket, "end");
  return text;
}

/** A runtime that tells which threads its workers run on, and which descriptors they left open. */
export async function watchedRuntime() {
  const runtime = await loadRuntime();
  const threads: number[] = [];
  const held: Descriptors[] = [];
  const left: ReturnType<Descriptors["open"]> = [];
  const watched: Pick<Runtime, "startWorker" | "watchDescriptor"> = {
    watchDescriptor: (open) => runtime.watchDescriptor(open),
    startWorker(url, events) {
      return runtime.startWorker(url, {
        onMessage(message) {
          const { thread } = message as { thread?: number };
          if (thread === undefined) events.onMessage(message);
          else threads.push(thread);
        },
        onError: (error) => events.onError(error),
        async onEnded(memory) {
          const descriptors = new Descriptors(memory);
          left.push(...descriptors.open());
          held.push(descriptors);
          await events.onEnded?.(memory);
        },
      });
    },
  };
  return {
    runtime: watched,
    libc: loadLibc(runtime),
    threads,
    held,
    left,
    alive,
  };

  function alive(): number[] {
    return threads.filter((tid) => existsSync(`/proc/self/task/${tid}`));
  }
}

/** The forwarder's worker, which also says `{thread}` to `watchedRuntime`. */
export const WORKER_URL = new URL("./workers/telling.ts", import.meta.url);
/** A worker that dies of the first order. */
export const DYING_WORKER_URL = new URL("./workers/dying.ts", import.meta.url);
/** A worker that never answers. */
export const MUTE_WORKER_URL = new URL("./workers/mute.ts", import.meta.url);
/** The forwarder's worker, which does not hear that it is to stop. */
export const DEAF_WORKER_URL = new URL("./workers/deaf.ts", import.meta.url);
/** The forwarder's worker on Deno, whose pool has no free thread when it begins to forward. */
export const BUSY_POOL_WORKER_URL = new URL(
  "./workers/busy_pool.ts",
  import.meta.url,
);
