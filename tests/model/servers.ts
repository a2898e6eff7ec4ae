/**
 * Programs of the guest that listen on loopback, where the agent forwards them.
 */
import { once } from "node:events";
import net from "node:net";
import { FORWARD_ADDRESS } from "../support/agent.ts";

/** Those that listen now. */
export class Servers {
  readonly #servers = new Map<number, net.Server>();

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

  /** Whether a client of that port of the forward address is taken. */
  async forwards(port: number): Promise<boolean> {
    const socket = net.connect({ host: FORWARD_ADDRESS, port });
    try {
      await once(socket, "connect");
      return true;
    } catch {
      return false;
    } finally {
      socket.on("error", () => {});
      socket.resetAndDestroy();
    }
  }

  end(): void {
    for (const port of this.ports) this.close(port);
  }
}
