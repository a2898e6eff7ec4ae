/**
 * Servers that send back what they get, and calls to them through a forwarded port.
 * @module
 */
import { once } from "node:events";
import net from "node:net";
import { FORWARD_ADDRESS } from "../support/agent.ts";

/** A server that sends back what it gets. */
export async function echo(on: net.ListenOptions): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  server.listen(on);
  await once(server, "listening");
  return server;
}

export function portOf(server: net.Server): number {
  return (server.address() as net.AddressInfo).port;
}

/** What comes back over TCP, in latin1; undefined if no program listens. */
export function through(
  port: number,
  text: string,
  host = FORWARD_ADDRESS,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    let received = "";
    const socket = net.connect({ port, host }, () => socket.end(text));
    socket.setEncoding("latin1");
    socket.on("data", (data) => received += data);
    socket.on("end", () => resolve(received));
    socket.on("error", () => resolve(undefined));
  });
}
