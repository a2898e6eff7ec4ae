/**
 * A forwarder of its own for each of its tests, and bytes to send through it.
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Forwarder } from "../../src/ports/forwarder.ts";
import { until } from "../support/until.ts";
import {
  FORWARD_ADDRESS,
  RecordedLog,
  STOP_LIMIT_MS,
  TestServer,
  watchedRuntime,
  WORKER_URL,
} from "./net.ts";

/** A forwarder, the servers behind it, and the threads of its workers. */
export class Forwarding {
  readonly made: Forwarder[] = [];
  readonly servers: TestServer[] = [];
  readonly log = new RecordedLog();
  readonly threads: Awaited<ReturnType<typeof watchedRuntime>>;
  /** The one that `end` stops. */
  forwarder: Forwarder;

  private constructor(threads: Awaited<ReturnType<typeof watchedRuntime>>) {
    this.threads = threads;
    this.forwarder = this.make(WORKER_URL, STOP_LIMIT_MS);
  }

  static async start(): Promise<Forwarding> {
    return new Forwarding(await watchedRuntime());
  }

  async end(): Promise<void> {
    await this.forwarder.stop();
    for (const forwarder of this.made) forwarder.dispose();
    for (const server of this.servers) await server.close();
  }

  make(workerUrl: URL, stopLimitMs?: number, steer = true): Forwarder {
    const forwarder = new Forwarder({
      steer,
      forwardAddresses: [FORWARD_ADDRESS],
      workerUrl,
      runtime: this.threads.runtime,
      libc: this.threads.libc,
      log: this.log,
      stopLimitMs,
    });
    this.made.push(forwarder);
    return forwarder;
  }

  async serve(
    handle: (socket: Socket) => void,
    host = "127.0.0.1",
    port = 0,
  ): Promise<number> {
    const server = new TestServer(handle);
    this.servers.push(server);
    return await server.listen(host, port);
  }

  async forward(port: number, ...targets: string[]): Promise<void> {
    this.forwarder.set(new Map([[port, targets]]));
    await until(`port ${port} to be forwarded`, () => this.listening(port));
  }

  listening(port: number): boolean {
    return this.forwarder.ports.some((one) =>
      one.port === port && one.listening
    );
  }
}

export const CHUNK = 64 * 1024;

/** Chunk `n` of bytes that tell their place. */
export function pattern(n: number): Uint8Array {
  const chunk = new Uint8Array(CHUNK);
  for (let i = 0; i < CHUNK; i++) chunk[i] = expected(n * CHUNK + i);
  return chunk;
}

/** The byte of all the chunks at that place. */
export function expected(offset: number): number {
  // 251 is prime: no shift by a power of two looks right
  return offset % 251;
}

/** Whether no program listens on the port of the forward address. */
export async function refused(port: number): Promise<boolean> {
  const socket = connect({ host: FORWARD_ADDRESS, port });
  try {
    await once(socket, "connect");
    return false;
  } catch (error) {
    return (error as { code?: string }).code === "ECONNREFUSED";
  } finally {
    socket.destroy();
  }
}
