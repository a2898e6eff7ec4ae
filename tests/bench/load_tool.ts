/**
 * The far ends of the forwarder's benchmark, each in a process of its own:
 *   echo PORT                     a server that sends back what it gets
 *   connects HOST PORT MS COUNT   so many at a time: connect, one byte and back, close
 *   pings HOST PORT MS            one byte and back, on one connection
 * The last two print the milliseconds of each as a JSON list. By Bun's own
 * sockets: with node:net the ends would cost more than what is between them.
 * @module
 */
import process from "node:process";

const [command, ...rest] = process.argv.slice(2);
switch (command) {
  case "echo":
    Bun.listen({
      hostname: "127.0.0.1",
      port: Number(rest[0]),
      socket: {
        open: (socket) => void socket.setNoDelay(true),
        data: (socket, bytes) => void socket.write(bytes),
        error() {},
      },
    });
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

function visit(hostname: string, port: number): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    Bun.connect({
      hostname,
      port,
      socket: {
        open: (socket) => void socket.write("x"),
        data(socket) {
          const took = performance.now() - start;
          resolve(took); // before `close`, which comes at once
          socket.terminate();
        },
        close: (_, error) => reject(error ?? new Error("closed")),
        error() {},
      },
    }).catch(reject);
  });
}

async function pings(
  hostname: string,
  port: number,
  ms: number,
): Promise<void> {
  const times: number[] = [];
  await new Promise<void>((resolve, reject) => {
    let start = 0;
    let end = 0;
    const send = (socket: Bun.Socket) => {
      start = performance.now();
      socket.write("x");
    };
    Bun.connect({
      hostname,
      port,
      socket: {
        open(socket) {
          socket.setNoDelay(true);
          end = performance.now() + ms;
          send(socket);
        },
        data(socket) {
          const now = performance.now();
          times.push(now - start);
          if (now < end) return send(socket);
          resolve();
          socket.terminate();
        },
        close: (_, error) => reject(error ?? new Error("closed")),
        error() {},
      },
    }).catch(reject);
  });
  print(times);
}

function print(times: readonly number[]): void {
  process.stdout.write(JSON.stringify(times));
}
