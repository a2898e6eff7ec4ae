/**
 * The servers of the agent, one for each address that it listens on.
 * @module
 */
import { addressText } from "../runtime/server.ts";
import type {
  FetchHandler,
  ListenAddress,
  Runtime,
  RuntimeServer,
  ServeOptions,
} from "../runtime/types.ts";
import { AddressWait } from "./address_wait.ts";
import type { Listening } from "../connections/listening.ts";
import {
  isMissingAddress,
  isWithoutVsock,
  listenFailure,
} from "./listen_error.ts";
import { addressOf, type Open, OpenServers } from "./open_servers.ts";

/** How to listen, and what to call. */
export interface ListenersOptions
  extends
    Pick<ServeOptions, "fetch" | "onError" | "onListenAgain" | "directory"> {
  /**
   * Called when the machine has got an address and the agent listens on it. The port of a unix
   * socket is 0.
   */
  readonly onAppeared?: (address: string, port: number) => void;
  /** What answers on this address, if it is not `fetch`: a dialect's own listener. */
  readonly fetchAt?: (at: ListenAddress) => FetchHandler | undefined;
}

/** The servers. Before {@linkcode open} there are none. */
export class Listeners implements Listening {
  readonly #runtime: Pick<Runtime, "serve">;
  readonly #servers = new OpenServers();
  #unsupported: readonly ListenAddress[] = [];
  #wait: AddressWait | undefined;
  #options: ListenersOptions = { fetch: () => Promise.reject() };

  constructor(runtime: Pick<Runtime, "serve">) {
    this.#runtime = runtime;
  }

  /**
   * Listens on all addresses. If the machine does not have an address, the agent listens on it as
   * soon as the machine has it. If the kernel has no vsock, the agent serves the other addresses. If
   * another address fails, or none is left, the agent listens on none of them, and this rejects
   * with a StartError.
   */
  async open(
    addresses: readonly ListenAddress[],
    options: ListenersOptions,
  ): Promise<void> {
    this.#options = options;
    let noVsock: unknown;
    try {
      for (const at of addresses) {
        noVsock = await this.#openOne(at, options) ?? noVsock;
      }
      const none = this.#servers.isEmpty && this.#wait === undefined;
      if (none && noVsock !== undefined) throw noVsock;
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Returns the error if the kernel has no vsock; rejects with any other error. */
  async #openOne(
    at: ListenAddress,
    options: ListenersOptions,
  ): Promise<unknown> {
    try {
      if (await this.#listen(at, options) === undefined) {
        this.#waitFor(at, options);
      }
    } catch (error) {
      if (!isWithoutVsock(at, error)) throw error;
      this.#unsupported = [...this.#unsupported, at];
      return error;
    }
  }

  /** Undefined if the machine does not have the address. */
  async #listen(
    at: ListenAddress,
    { fetchAt, onError, onListenAgain, directory, ...all }: ListenersOptions,
  ): Promise<Open | undefined> {
    let server: RuntimeServer;
    const own = fetchAt?.(at);
    try {
      const fetch = own ?? all.fetch;
      const options = { fetch, onError, onListenAgain, directory };
      server = await this.#runtime.serve({ ...at, ...options });
    } catch (error) {
      if (isMissingAddress(at, error)) return undefined;
      throw await listenFailure(at, error, own && "--dialects");
    }
    const open = { at, server };
    this.#servers.add(open);
    return open;
  }

  #waitFor(at: ListenAddress, options: ListenersOptions): void {
    const onError = (error: unknown) => options.onError?.(error);
    const wait: AddressWait = this.#wait ??= new AddressWait({
      tryToListen: async (at) => {
        const open = await this.#listen(at, options);
        if (open === undefined) return false;
        if (this.#wait !== wait) this.stop(); // stopped while it tried
        else {
          try {
            options.onAppeared?.(addressOf(open), open.server.port);
          } catch (error) {
            onError(error); // the agent listens nevertheless
          }
        }
        return true;
      },
      onError,
    });
    wait.add(at);
  }

  /**
   * Listens also on the new addresses of those that the machine loses. Returns the new addresses, and
   * the end of the former ones; undefined if the agent listens on none of them. Addresses that are
   * still missing are replaced at once.
   */
  async move(
    moves: ReadonlyMap<string, string>,
  ): Promise<{ readonly moved: readonly string[]; close(): void } | undefined> {
    const waits = this.#wait?.move(moves) ?? [];
    const former = this.#servers.on(moves);
    if (former.length + waits.length === 0) return undefined;
    const to: ListenAddress[] = [];
    for (const { at, server: { port } } of former) {
      const host = moves.get((at as { host: string }).host)!;
      // A dialect keeps its own answers.
      const fetchAt = () => this.#options.fetchAt?.(at);
      const options = { ...this.#options, fetchAt };
      const moved = { host, port };
      to.push(moved);
      const open = await this.#listen(moved, options);
      if (open === undefined) this.#waitFor(moved, options);
      else options.onAppeared?.(addressOf(open), open.server.port);
    }
    return {
      moved: [...waits, ...to].map(addressText),
      close: () => this.#servers.close(former),
    };
  }

  get ports(): readonly number[] {
    return this.#servers.ports;
  }

  get paths(): string[] {
    return this.#servers.paths;
  }

  get vsock(): string[] {
    return this.#servers.vsock;
  }

  /** As {@linkcode OpenServers.addresses}. */
  get addresses(): string[] {
    return this.#servers.addresses;
  }

  /** The addresses that the machine does not have yet, in the form of the option `listen`. */
  get missing(): string[] {
    return this.#wait?.missing.map(addressText) ?? [];
  }

  /** The vsock ports of a kernel that has no vsock, in the form of the option `listen`. */
  get unsupported(): string[] {
    return this.#unsupported.map(addressText);
  }

  /** Stops the wait for addresses until {@linkcode resume}, because the guest is quiesced. */
  pause(): void {
    this.#wait?.pause();
  }

  /** Waits again for the addresses that are still missing. */
  resume(): void {
    this.#wait?.resume();
  }

  /** See {@linkcode RuntimeServer.closeIdle}. */
  closeIdle(): void {
    this.#servers.closeIdle();
  }

  /** See {@linkcode RuntimeServer.letGo}. */
  letGo(fd: number): boolean {
    return this.#servers.letGo(fd);
  }

  /** Stops all servers. */
  stop(): void {
    this.#wait?.stop();
    this.#wait = undefined;
    this.#servers.closeAll();
  }
}
