import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import type { Machine } from "./machine.ts";

/** The programs that stand for a user's workload in the guest. */

/** The cgroup of the workload, as the agent's flag names it. */
export const CGROUP = "work";

const CGROUP_PATH = `/sys/fs/cgroup/${CGROUP}`;

/** One line of the recorder. */
export interface Mark {
  readonly count: number;
  /** The guest's wall clock, milliseconds since 1970. */
  readonly wall: number;
  /** Milliseconds since the guest's boot, whole hundredths of a second. */
  readonly uptime: number;
}

/** Makes the cgroup and starts a program in it that does not end by itself. */
export async function startInCgroup(
  machine: Machine,
  command: string,
): Promise<void> {
  await machine.sh(
    `mkdir -p ${CGROUP_PATH}; ` +
      `sh -c 'echo $$ >${CGROUP_PATH}/cgroup.procs; exec ${command}' &`,
  );
}

/** Starts the recorder in the cgroup and waits for its first lines. */
export async function startRecorder(machine: Machine): Promise<void> {
  await startInCgroup(machine, "/srv/tests/recorder /run/marks");
  await until(
    "the recorder",
    async () => (await recorded(machine)).length > 3,
    LIMIT,
  );
}

/** What the recorder has written, its last whole line included. */
export async function recorded(machine: Machine): Promise<Mark[]> {
  const text = await machine.exec("cat /run/marks");
  return text.stdout.split("\n").slice(0, -1).map((line) => {
    const [count, wall, uptime] = line.split(" ").map(Number);
    return { count, wall: wall * 1000, uptime: uptime * 1000 };
  });
}

/** What the kernel says of the workload's cgroup. */
export async function isFrozen(machine: Machine): Promise<boolean> {
  return /^frozen 1$/m.test(
    await machine.sh(`cat ${CGROUP_PATH}/cgroup.events`),
  );
}

/**
 * Between the freeze and the time from which the wall clock was right again, in
 * milliseconds since 1970, the recorder wrote nothing; all its lines are there.
 */
export function assertNoStaleMark(
  marks: readonly Mark[],
  frozenAt: number,
  right: number,
): void {
  const stale = marks.filter(({ wall }) => wall >= frozenAt && wall < right);
  assert.deepEqual(stale, []);
  marks.forEach(({ count }, index) => assert.equal(count, index + 1));
  assert.ok(marks.some(({ wall }) => wall < frozenAt));
}

/** A server of this host that keeps every connection and says nothing. */
export class Peer implements AsyncDisposable {
  readonly connections: Socket[] = [];
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((socket) => {
      this.connections.push(socket);
      socket.on("error", () => {});
    });
  }

  /** Listens on 127.0.0.1, which guests reach as 10.0.2.2. */
  static async start(): Promise<Peer> {
    const peer = new Peer();
    await new Promise<void>((resolve) =>
      peer.#server.listen(0, "127.0.0.1", resolve)
    );
    return peer;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.connections) socket.destroy();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

/** Where the programs that hold connections write. */
const HOLDERS = { host: "/run/host", loopback: "/run/loopback" } as const;

/**
 * Two programs in the cgroup that hold a connection each: one to a peer on this
 * host, one to a server in the guest, and both only listen.
 */
export async function startHolders(
  machine: Machine,
  peer: Peer,
): Promise<void> {
  // Opened for both directions, so that it neither blocks nor ends.
  await machine.sh(
    "mkfifo /run/words; nc -l -p 9000 127.0.0.1 <>/run/words >/dev/null 2>&1 &",
  );
  await until(
    "the server on loopback",
    async () =>
      (await machine.exec("grep -q ':2328 ' /proc/net/tcp")).code === 0,
    LIMIT,
  );
  const holder = "/srv/tests/holder";
  await startInCgroup(machine, `${holder} 127.0.0.1 9000 ${HOLDERS.loopback}`);
  await startInCgroup(
    machine,
    `${holder} 10.0.2.2 ${peer.port} ${HOLDERS.host}`,
  );
  for (const which of ["host", "loopback"] as const) {
    await until(
      `the connection to ${which}`,
      async () => (await heard(machine, which)).startsWith("open"),
      LIMIT,
    );
  }
}

/** What one of the two has heard so far. */
export async function heard(
  machine: Machine,
  which: keyof typeof HOLDERS,
): Promise<string> {
  return (await machine.exec(`cat ${HOLDERS[which]}`)).stdout;
}

/** The server on loopback says a word, and the program that holds the connection hears it. */
export async function assertLoopbackLives(
  machine: Machine,
  word: string,
): Promise<void> {
  await machine.sh(`echo ${word} >/run/words`);
  await until(
    "the word on loopback",
    async () => (await heard(machine, "loopback")).includes(`line ${word}\n`),
    LIMIT,
  );
}

/** Waits for the end of the connection to this host; what the program said of it last. */
export async function endOf(machine: Machine): Promise<string> {
  return await until("the end of the connection", async () => {
    const last = (await heard(machine, "host")).trimEnd().split("\n").at(-1);
    return last?.startsWith("ended") && last;
  }, LIMIT) as string;
}
