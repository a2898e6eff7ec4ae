/**
 * The servers that listen now, and where they listen.
 * @module
 */
import { rmSync } from "node:fs";
import type { Listening } from "../connections/listening.ts";
import { addressText } from "../runtime/server.ts";
import type { ListenAddress, RuntimeServer } from "../runtime/types.ts";

/** A server, and the address on which it was asked to listen. */
export interface Open {
  readonly at: ListenAddress;
  readonly server: RuntimeServer;
}

/** The servers of the agent that listen. */
export class OpenServers implements Listening {
  #open: readonly Open[] = [];
  /** The ports of the TCP servers; cached, because a recovery asks for them. */
  #ports: readonly number[] = [];

  /** Whether no server listens. */
  get isEmpty(): boolean {
    return this.#open.length === 0;
  }

  /** Adds a server that has begun to listen. */
  add(open: Open): void {
    this.#open = [...this.#open, open];
    const { at, server } = open;
    if ("host" in at) this.#ports = [...this.#ports, server.port];
  }

  /** The servers on these hosts, which are the keys of the map. */
  on(hosts: ReadonlyMap<string, unknown>): readonly Open[] {
    return this.#open.filter(({ at }) => "host" in at && hosts.has(at.host));
  }

  /** Stops some of the servers. */
  close(former: readonly Open[]): void {
    for (const { server } of former) server.stop();
    this.#open = this.#open.filter((open) => !former.includes(open));
    this.#ports = this.#open.flatMap(({ at, server }) =>
      "host" in at ? [server.port] : []
    );
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  get paths(): string[] {
    return this.#open.flatMap(({ at }) => "path" in at ? [at.path] : []);
  }

  get vsock(): string[] {
    return this.#open.flatMap(({ at }) =>
      "vsockPort" in at ? [addressText(at)] : []
    );
  }

  /** The addresses in the form of the option `listen`, with the ports that the kernel chose. */
  get addresses(): string[] {
    return this.#open.map(addressOf);
  }

  /** See {@linkcode RuntimeServer.closeIdle}. */
  closeIdle(): void {
    for (const { server } of this.#open) server.closeIdle();
  }

  /** See {@linkcode RuntimeServer.letGo}. */
  letGo(fd: number): boolean {
    return this.#open.some(({ server }) => server.letGo?.(fd) === true);
  }

  /** Stops all servers. */
  closeAll(): void {
    for (const { server } of this.#open) server.stop();
    // Bun removes the file at once. Deno removes it later, if the process still runs.
    for (const path of this.paths) rmSync(path, { force: true });
    this.#open = [];
    this.#ports = [];
  }
}

/** The address with the port that the kernel chose. */
export function addressOf({ at, server }: Open): string {
  return addressText("host" in at ? { ...at, port: server.port } : at);
}
