/**
 * The programs of the guest that have reached their point: the snapshot may be taken now, and each of
 * them goes on once this fork has recovered (`lull ready`). Such a program connects to a unix socket,
 * and reads until the end.
 * @module
 */
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import { envFileOf, readEnvFile } from "../identity/env_file.ts";
import type { Recovery } from "../lifecycle/reports.ts";
import { checked, type Libc, requireSymbol } from "../linux/libc.ts";
import { hungUp } from "../linux/poll.ts";
import { unixAddress } from "../linux/socket_address.ts";
import {
  AF_UNIX,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SHUT_WR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from "../linux/socket_constants.ts";

/** The socket's file in the runtime directory. */
export const READY_SOCKET = "ready.sock";
/** Only the owner and the group may connect: a host may take its snapshot when a program is ready. */
const MODE = 0o660;
/** Connections that the kernel keeps until the agent takes them; later ones wait in connect(2). */
const BACKLOG = 128;

/** A recovery, as the programs get it. */
export type RecoveredFork = Pick<
  Recovery,
  "generation" | "outcome" | "operation"
>;

/**
 * The socket and its connections. No event loop knows them, so they cause no wakeup: the agent looks
 * at them when it is asked, and at a recovery. If the agent is killed, the kernel closes them.
 */
export class ReadySocket {
  readonly #libc: Libc;
  readonly #path: string;
  readonly #envFile: string;
  #listener: number | undefined;
  /** The descriptors of the connections that were taken and not yet released. */
  #waiting: number[] = [];
  /** The connections that were there when the recovery under way began: they get its reply. */
  #due: readonly number[] = [];
  /** The connections that got their reply. The programs read it, and then close them. */
  #replied: number[] = [];

  constructor(libc: Libc, runtimeDirectory: string) {
    this.#libc = libc;
    this.#path = join(runtimeDirectory, READY_SOCKET);
    this.#envFile = envFileOf(runtimeDirectory);
  }

  /**
   * Listens, and replaces the file of an agent that has ended. Throws if that fails. Without a C
   * library there is no socket.
   */
  open(): void {
    if (this.#libc.socket === undefined) return;
    const { socket, bind, listen } = this.#calls("socket", "bind", "listen");
    rmSync(this.#path, { force: true });
    const address = unixAddress(this.#path);
    if (address === undefined) {
      throw new Error(`Cannot listen on ${this.#path}: the path is too long`);
    }
    const check = (result: number) =>
      checked(this.#libc, result, "listen on", this.#path);
    const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const listener = check(socket(AF_UNIX, type, 0));
    try {
      check(bind(listener, address, address.length));
      chmodSync(this.#path, MODE);
      check(listen(listener, BACKLOG));
    } catch (error) {
      this.#closeAll([listener]);
      throw error;
    }
    this.#listener = listener;
    this.#take(); // binds the call, which the first recovery makes
  }

  /** The number of programs that wait. */
  get count(): number {
    this.#take();
    return this.#waiting.length;
  }

  /**
   * Notes which programs wait now: the recovery that begins is theirs. A program that comes during
   * the recovery reached its point after the snapshot, and waits for the next one.
   */
  begin(): void {
    if (this.#listener === undefined) return;
    this.#take();
    // A program that has still not closed its connection has had a whole operation for it.
    this.#closeAll(this.#replied.splice(0));
    this.#due = [...this.#waiting];
  }

  /** Whether a program waits for the recovery under way. */
  get isDue(): boolean {
    return this.#due.length > 0;
  }

  /**
   * Sends the identity of this fork to the programs of this recovery, and lets them go on. If the
   * identity cannot be read, rejects, and the programs see an end without data.
   */
  async release(recovered: RecoveredFork): Promise<void> {
    const due = this.#due;
    this.#due = [];
    this.#waiting = this.#waiting.filter((fd) => !due.includes(fd));
    const { send, shutdown } = this.#calls("send", "shutdown");
    try {
      const bytes = await this.#identity(recovered);
      const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
      // The buffer of a new connection has room for it. A program that has ended needs no reply.
      for (const fd of due) send(fd, bytes, BigInt(bytes.length), flags);
    } finally {
      // Not close(2): Bun's clients drop what they have not read when the connection is gone.
      for (const fd of due) shutdown(fd, SHUT_WR);
      this.#replied.push(...due);
    }
  }

  /** The identity as a line of JSON. Its code is loaded if a program waits. */
  async #identity(recovered: RecoveredFork): Promise<Uint8Array> {
    const { identityOf } = await import("../identity/this_fork.ts");
    const identity = identityOf(recovered, readEnvFile(this.#envFile));
    const text = `${JSON.stringify(identity)}\n`;
    return new TextEncoder().encode(text);
  }

  /** Stops listening. Programs that wait see the end of the connection. */
  close(): void {
    if (this.#listener === undefined) return;
    const open = [this.#listener, ...this.#waiting, ...this.#replied];
    this.#closeAll(open);
    this.#listener = undefined;
    this.#waiting = [];
    this.#replied = [];
    this.#due = [];
    rmSync(this.#path, { force: true });
  }

  /** Takes the new connections, and drops those of programs that have ended. */
  #take(): void {
    if (this.#listener === undefined) return;
    const { accept4 } = this.#calls("accept4");
    for (;;) {
      const fd = accept4(this.#listener, null, null, SOCK_CLOEXEC);
      if (fd < 0) break; // EAGAIN, or no descriptor is free: the connection waits in the kernel
      this.#waiting.push(fd);
    }
    const gone = hungUp(this.#libc, [...this.#waiting, ...this.#replied]);
    if (gone.length === 0) return;
    this.#closeAll(gone);
    const without = (fds: readonly number[]) =>
      fds.filter((fd) => !gone.includes(fd));
    this.#waiting = without(this.#waiting);
    this.#due = without(this.#due);
    this.#replied = without(this.#replied);
  }

  #closeAll(fds: readonly number[]): void {
    const { close } = this.#calls("close");
    for (const fd of fds) close(fd);
  }

  #calls<N extends Parameters<typeof requireSymbol>[1]>(...names: N[]) {
    return Object.fromEntries(
      names.map((name) => [name, requireSymbol(this.#libc, name)]),
    ) as { readonly [M in N]: NonNullable<Libc[M]> };
  }
}
