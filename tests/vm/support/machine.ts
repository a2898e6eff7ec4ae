import { randomUUID } from "node:crypto";
import { copyFileSync, linkSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { until } from "../../support/until.ts";
import { changeGenerationId } from "./generation_id.ts";
import { ANSWER_LIMIT, Guest, type GuestPorts } from "./guest_access.ts";
import { GUESTS } from "./guests.ts";
import {
  AGENT_PORT,
  type Hardware,
  HELPER_PORT,
  MEMORY_FILE,
  PORT_SOCKET,
  ROOT_FILE,
} from "./hardware.ts";
import { readState, writeState } from "./migrate.ts";
import { copySparse, ownDir, Qemu } from "./qemu.ts";

/** How to boot; what is left out is as in the design: 2 CPUs, 512 MiB, a VMGenID device. */
export type BootOptions =
  & Pick<Hardware, "image" | "accel">
  & Partial<Omit<Hardware, "guid">>
  & {
    /** The generation id, a fresh one if not given; "none" takes the device away. */
    readonly guid?: string;
  };

/** A frozen machine in a file. */
export interface Snapshot {
  readonly hardware: Hardware;
  readonly file: string;
  readonly data: string;
  /** The guest's memory, where the hardware has it in a file. */
  readonly memory?: string;
  /** The root filesystem, where the hardware has it on a disk. */
  readonly root?: string;
  /** The text that a restored machine finds on its third disk; none if not given. */
  readonly mailbox?: string;
  /** The size of `file`: QEMU writes a page of zeros as a mark only. */
  readonly bytes: number;
  /** From the start of the writing to its end. */
  readonly ms: number;
}

/** A virtual machine. */
export class Machine extends Guest {
  readonly hardware: Hardware;
  /** How long the restore took, in milliseconds; 0 for a machine that was booted. */
  readonly restoreMs: number;
  protected readonly gone: Promise<void>;
  readonly #qemu: Qemu;

  private constructor(
    hardware: Hardware,
    qemu: Qemu,
    ports: GuestPorts,
    restoreMs: number,
  ) {
    super(ports);
    this.hardware = hardware;
    this.restoreMs = restoreMs;
    this.gone = qemu.gone;
    this.#qemu = qemu;
  }

  /** Starts a machine; it runs, but its agent is not up yet: see `ready`. */
  static async boot(options: BootOptions): Promise<Machine> {
    const hardware: Hardware = {
      memory: GUESTS[options.image.guest].memory,
      cpus: 2,
      flags: [],
      rng: false,
      balloon: false,
      rtc: "base=utc",
      memoryFile: "none",
      steady: false,
      root: GUESTS[options.image.guest].root,
      mailbox: false,
      hotplug: false,
      serialPort: false,
      ...options,
      guid: options.guid === "none" ? undefined : options.guid ?? randomUUID(),
    };
    const qemu = await Qemu.start(hardware, hardware.image);
    return await Machine.#from(hardware, qemu, 0);
  }

  /**
   * Makes a new machine out of a snapshot; it stands still until `cont`. With
   * another generation id it is a fork that the guest's kernel notices, with
   * the same one it is the very machine moved.
   */
  static async restore(
    snapshot: Snapshot,
    generation: "same" | "other" = "other",
  ): Promise<Machine> {
    const { hardware: was } = snapshot;
    const other = generation === "other" && was.guid !== undefined;
    const hardware = { ...was, guid: other ? randomUUID() : was.guid };
    const qemu = await Qemu.start(hardware, snapshot, true);
    try {
      const ms = await readState(qemu.qmp, hardware, snapshot.file);
      if (other && GUESTS[was.image.guest].arch === "arm64") {
        await changeGenerationId(hardware, qemu.dir);
      }
      return await Machine.#from(hardware, qemu, ms);
    } catch (error) {
      await qemu.end();
      throw error;
    }
  }

  static async #from(
    hardware: Hardware,
    qemu: Qemu,
    restoreMs: number,
  ): Promise<Machine> {
    const agent = await qemu.forwarded(AGENT_PORT);
    const helper = await qemu.forwarded(HELPER_PORT);
    return new Machine(hardware, qemu, { agent, helper }, restoreMs);
  }

  /** The socket of the host's end of the port, if the hardware has it. */
  get portSocket(): string {
    return join(this.#qemu.dir, PORT_SOCKET);
  }

  /** Resolves when the machine has ended by itself. */
  get ended(): Promise<void> {
    return this.gone;
  }

  /** Stops the processors: what the host calls a pause. */
  async stop(): Promise<void> {
    await this.#qemu.qmp.execute("stop");
  }

  /** Sends one command to QEMU. */
  async execute<T>(
    command: string,
    args: Record<string, unknown> = {},
  ): Promise<T> {
    return await this.#qemu.qmp.execute<T>(command, args);
  }

  /** Lets the processors run. */
  async cont(): Promise<void> {
    await this.#qemu.qmp.execute("cont");
  }

  /**
   * Stops the machine and writes it to files; it stays stopped. Memory that is a
   * file is copied, or given away with "last": nothing reads it, and the machine
   * must not run again.
   */
  async snapshot(when: "now" | "last" = "now"): Promise<Snapshot> {
    const { hardware } = this;
    await this.stop();
    const dir = ownDir("snapshot");
    const file = join(dir, "state");
    const ms = await writeState(this.#qemu.qmp, hardware, file);
    const data = join(dir, "data.ext4");
    this.copyDisk(data);
    const root = hardware.root === "layer" ? undefined : join(dir, ROOT_FILE);
    if (root !== undefined) this.copyRoot(root);
    const { size: bytes } = statSync(file);
    if (hardware.memoryFile === "none") {
      return { hardware, file, data, root, bytes, ms };
    }
    const memory = join(dir, MEMORY_FILE);
    if (when === "now") copySparse(this.memoryFile, memory);
    else linkSync(this.memoryFile, memory);
    return { hardware, file, data, root, memory, bytes, ms };
  }

  /** Makes a further port of the guest reachable; gives the port on this host's 127.0.0.1. */
  async forward(port: number, address = "10.0.2.15"): Promise<number> {
    const { qmp } = this.#qemu;
    const rule = `tcp:127.0.0.1:0-${address}:${port}`;
    const words = await qmp.human(`hostfwd_add net ${rule}`);
    if (words.trim() !== "") {
      throw new Error(`Cannot forward ${rule}: ${words.trim()}`);
    }
    return await this.#qemu.forwarded(port, address);
  }

  /** From now on this host reaches the guest under another of its addresses. */
  async reach(address: string): Promise<void> {
    this.goBy({
      agent: await this.forward(AGENT_PORT, address),
      helper: await this.forward(HELPER_PORT, address),
    });
  }

  /** Copies the disk of /data as it is now, whether the machine runs or not. */
  copyDisk(to: string): void {
    // QEMU writes through this host's page cache: a copy sees every write that
    // the guest has been told is done.
    copyFileSync(join(this.#qemu.dir, "data.ext4"), to);
  }

  /** As `copyDisk`, of a root filesystem that is a disk. */
  copyRoot(to: string): void {
    copySparse(join(this.#qemu.dir, ROOT_FILE), to);
  }

  /** The file that is the guest's memory. */
  get memoryFile(): string {
    return join(this.#qemu.dir, MEMORY_FILE);
  }

  /** How fast the running guest changes its memory, in MiB per second, measured over so many seconds. */
  async dirtyRate(seconds = 1): Promise<number> {
    const { qmp } = this.#qemu;
    await qmp.execute("calc-dirty-rate", {
      "calc-time": seconds,
      // Per GiB, the most there is. (QEMU 7.2 crashes in mode dirty-bitmap under TCG.)
      "sample-pages": 4096,
    });
    return await until("the dirty rate", async () => {
      const info = await qmp.execute<
        { status: string; "dirty-rate"?: number }
      >("query-dirty-rate");
      return info.status === "measured" && { rate: info["dirty-rate"] ?? 0 };
    }, seconds * 1000 + ANSWER_LIMIT).then((found) => found ? found.rate : 0);
  }

  /** What QEMU and the guest's console said last. */
  lastWords(): string {
    return this.#qemu.lastWords();
  }

  /** Whether the guest's kernel has panicked. */
  get panicked(): boolean {
    return this.#qemu.panicked;
  }

  /** The number of the QEMU process. */
  get pid(): number | undefined {
    return this.#qemu.pid;
  }

  /** Ends the machine and removes its files. */
  async kill(): Promise<void> {
    await this.#qemu.end();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** Removes a snapshot's files. */
export function removeSnapshot(snapshot: Snapshot): void {
  rmSync(dirname(snapshot.file), { recursive: true, force: true });
}
