/**
 * A stand-in for a vsock device of Firecracker: its unix socket, and the handshake. It leads to a
 * TCP port of this machine instead of a guest.
 */
import net from "node:net";
import { until } from "./until.ts";

/** The device, until it is closed. */
export class VsockDeviceStandIn implements AsyncDisposable {
  readonly #server: net.Server;
  readonly #hosts: ReadonlySet<net.Socket>;

  private constructor(server: net.Server, hosts: ReadonlySet<net.Socket>) {
    this.#server = server;
    this.#hosts = hosts;
  }

  /** Listens on `path`; the guest's vsock port `port` is the TCP port `target`. */
  static async listen(
    path: string,
    port: number,
    target: number,
  ): Promise<VsockDeviceStandIn> {
    const hosts = new Set<net.Socket>();
    const server = net.createServer((host) => {
      hosts.add(host);
      host.on("close", () => hosts.delete(host));
      host.on("error", () => {});
      host.once("data", (bytes) => {
        if (bytes.toString() !== `CONNECT ${port}\n`) return host.destroy();
        const guest = net.connect(target, "127.0.0.1", () => {
          host.write("OK 1073741824\n");
          host.pipe(guest).pipe(host);
        });
        guest.on("error", () => host.destroy());
        host.on("close", () => guest.destroy());
      });
    });
    server.listen(path);
    await until("the device", () => server.listening);
    return new VsockDeviceStandIn(server, hosts);
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const host of this.#hosts) host.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
