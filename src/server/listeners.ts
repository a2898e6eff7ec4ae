/**
 * The servers of the agent, one for each address that it listens on.
 * @module
 */
import { rmSync } from "node:fs";
import { LISTEN_FORM, parseListen } from "../config/address.ts";
import type {
  ListenAddress,
  Runtime,
  RuntimeServer,
  ServeOptions,
} from "../runtime/types.ts";
import type { Listening } from "./keeper.ts";

interface Open {
  readonly at: ListenAddress;
  readonly server: RuntimeServer;
}

/** Where to listen: what `listen` names, else host and port. */
export function addressesOf(
  config: {
    readonly host: string;
    readonly port: number;
    readonly listen: readonly string[];
  },
): readonly ListenAddress[] {
  const { host, port, listen } = config;
  if (listen.length === 0) return [{ host, port }];
  return listen.map((text) => {
    const at = parseListen(text);
    if (at !== undefined) return at;
    throw new Error(`Cannot listen on ${text}: expected ${LISTEN_FORM}`);
  });
}

/** None before {@linkcode open}; then all of them, or none. */
export class Listeners implements Listening {
  readonly #runtime: Pick<Runtime, "serve">;
  #open: readonly Open[] = [];
  /** Of the TCP ones: asked for while somebody waits. */
  #ports: readonly number[] = [];

  constructor(runtime: Pick<Runtime, "serve">) {
    this.#runtime = runtime;
  }

  /** Listens on all addresses; where one fails, on none, and fails with it. */
  async open(
    addresses: readonly ListenAddress[],
    options: Pick<ServeOptions, "fetch" | "onError" | "onListenAgain">,
  ): Promise<void> {
    try {
      for (const at of addresses) {
        const server = await this.#runtime.serve({ ...at, ...options });
        this.#open = [...this.#open, { at, server }];
        if (!("path" in at)) this.#ports = [...this.#ports, server.port];
      }
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  get paths(): string[] {
    return this.#open.flatMap(({ at }) => "path" in at ? [at.path] : []);
  }

  /** As a user would write them, with the ports that the kernel gave. */
  get addresses(): string[] {
    return this.#open.map(({ at, server }) => {
      if ("path" in at) return `unix:${at.path}`;
      const host = at.host.includes(":") ? `[${at.host}]` : at.host;
      return `${host}:${server.port}`;
    });
  }

  /** See {@linkcode RuntimeServer.closeIdle}. */
  closeIdle(): void {
    for (const { server } of this.#open) server.closeIdle();
  }

  stop(): void {
    for (const { server } of this.#open) server.stop();
    // Bun removes the file at once, Deno where the process lives long enough.
    for (const path of this.paths) rmSync(path, { force: true });
    this.#open = [];
    this.#ports = [];
  }
}
