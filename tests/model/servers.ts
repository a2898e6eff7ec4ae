/**
 * Programs of the guest that listen on loopback, where the agent forwards them.
 */
import net from "node:net";
import { FORWARD_ADDRESS } from "../support/agent.ts";
import { procAddress, socketsOn } from "../support/proc.ts";

/** Those that listen now. */
export class Servers {
  readonly #servers = new Map<number, net.Server>();
  /** The address that the agent forwards from, as /proc/net/tcp has it. */
  readonly #forward = procAddress(FORWARD_ADDRESS);

  get ports(): number[] {
    return [...this.#servers.keys()];
  }

  /** Listens on a port of loopback, as a program of the guest would. */
  async listen(): Promise<void> {
    const server = net.createServer((socket) => socket.end());
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const { port } = server.address() as net.AddressInfo;
    this.#servers.set(port, server);
  }

  close(port: number): void {
    this.#servers.get(port)?.close();
    this.#servers.delete(port);
  }

  /** Whether the kernel has a listener of the forwarder on that port. */
  forwards(port: number): boolean {
    return socketsOn(port, "0A").some(({ local }) =>
      local.startsWith(this.#forward)
    );
  }

  end(): void {
    for (const port of this.ports) this.close(port);
  }
}
