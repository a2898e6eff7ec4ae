/**
 * The host's side of the port of virtio-serial, as libvirt has it: a client of QEMU's socket that
 * calls the guest agent.
 * @module
 */
import { connect, type Socket } from "node:net";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import { PORT_DEVICE } from "./hardware.ts";
import type { Machine } from "./machine.ts";

/** Milliseconds for a reply before a request is sent again, while the guest opens its end. */
const TRY_MS = 1000;

/** Takes the port out of the running machine. */
export async function unplugPort(machine: Machine): Promise<void> {
  await machine.execute("device_del", { id: PORT_DEVICE.id });
}

/** Plugs the port in again. */
export async function plugPort(machine: Machine): Promise<void> {
  await machine.execute("device_add", { ...PORT_DEVICE });
}

/** A host that is connected to the port. */
export class PortHost implements Disposable {
  readonly #socket: Socket;
  #received = "";
  #ids = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#received += text);
    // QEMU may end first.
    socket.on("error", () => {});
  }

  /** Connects, and waits until the guest answers. */
  static async connect(machine: Machine): Promise<PortHost> {
    const socket = connect(machine.portSocket);
    await new Promise((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    const host = new PortHost(socket);
    await until("the agent on the port", () => host.#sync(TRY_MS), LIMIT);
    return host;
  }

  /** Sends a delimited sync after garbage, as a host does that does not know what came before. */
  async #sync(limitMs: number): Promise<boolean> {
    const id = ++this.#ids;
    const request = { execute: "guest-sync-delimited", arguments: { id } };
    const bytes = new TextEncoder().encode(JSON.stringify(request));
    this.#socket.write(new Uint8Array([0x7b, 0x22, 0xff, ...bytes, 0x0a]));
    const reply = `\xff{"return":${id}}\n`;
    try {
      await until("sync", () => this.#received.includes(reply), limitMs);
    } catch {
      return false; // the guest has not opened the port yet: QEMU drops the bytes
    }
    this.#received = "";
    return true;
  }

  /** Calls a command; gives its value, or throws its error. */
  // deno-lint-ignore no-explicit-any
  async call(execute: string, args?: unknown): Promise<any> {
    this.send(execute, args);
    await until(
      `a reply to ${execute}`,
      () => this.#received.includes("\n"),
      LIMIT,
    );
    const [line, ...rest] = this.#received.split("\n");
    this.#received = rest.join("\n");
    const reply = JSON.parse(line);
    if (reply.error === undefined) return reply.return;
    throw new Error(`${reply.error.class}: ${reply.error.desc}`);
  }

  /** Sends a command that has no reply. */
  send(execute: string, args?: unknown): void {
    this.#socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
  }

  /** The host goes away. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}
