/**
 * The far ends of the forwarder's benchmark, each in a process of its own:
 *   echo PORT                     a server that sends back what it gets
 *   connects HOST PORT MS COUNT   so many at a time: connect, one byte and back, close
 *   pings HOST PORT MS            one byte and back, on one connection
 * The last two print the milliseconds of each as a JSON list.
 * @module
 */
import { connect, createServer } from "node:net";
import process from "node:process";

const [command, ...rest] = process.argv.slice(2);
switch (command) {
  case "echo":
    createServer((socket) => {
      socket.on("error", () => {});
      socket.setNoDelay(true).on("data", (chunk) => socket.write(chunk));
    }).listen({ port: Number(rest[0]), host: "127.0.0.1", backlog: 1024 });
    break;
  case "connects":
    await connects(rest[0], Number(rest[1]), Number(rest[2]), Number(rest[3]));
    break;
  case "pings":
    await pings(rest[0], Number(rest[1]), Number(rest[2]));
}

async function connects(
  host: string,
  port: number,
  ms: number,
  lanes: number,
): Promise<void> {
  const times: number[] = [];
  const end = performance.now() + ms;
  await Promise.all(Array.from({ length: lanes }, async () => {
    while (performance.now() < end) times.push(await visit(host, port));
  }));
  print(times);
}

function visit(host: string, port: number): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true }, () => {
      socket.write("x");
    });
    socket.on("error", reject);
    socket.once("data", () => {
      const took = performance.now() - start;
      socket.destroy();
      resolve(took);
    });
  });
}

async function pings(host: string, port: number, ms: number): Promise<void> {
  const times: number[] = [];
  await new Promise<void>((resolve, reject) => {
    let start = 0;
    let end = 0;
    const socket = connect({ host, port, noDelay: true }, () => {
      end = performance.now() + ms;
      send();
    });
    const send = () => {
      start = performance.now();
      socket.write("x");
    };
    socket.on("error", reject);
    socket.on("data", () => {
      const now = performance.now();
      times.push(now - start);
      if (now < end) return send();
      socket.destroy();
      resolve();
    });
  });
  print(times);
}

function print(times: readonly number[]): void {
  process.stdout.write(JSON.stringify(times));
}
