/**
 * Connections of this process to itself.
 */
import { type AddressInfo, connect, createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { listConnections } from "../../src/linux/connections.ts";
import { realLibc } from "../support/libc.ts";
import { until } from "../support/until.ts";

/** The C library that finds them. */
export const libc = await realLibc();
/** Each file of tests closes these after all of its tests. */
export const servers: Server[] = [];
/** Each file of tests ends these after every test. */
export const clients: Socket[] = [];

/** A server that accepts, echoes and keeps its end open. */
export async function listen(host: string): Promise<number> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return (server.address() as AddressInfo).port;
}

/** A client of it. */
export async function dial(port: number, host: string): Promise<Socket> {
  const client = connect(port, host);
  clients.push(client);
  client.on("error", () => {});
  client.resume();
  await new Promise((resolve) => client.once("connect", resolve));
  return client;
}

/** The accepted ends, once there are that many. */
export async function accepted(port: number, count: number) {
  await until(
    `${count} connections`,
    () => listConnections(libc, [port]).length === count,
  );
  return listConnections(libc, [port]);
}
