import { type ChildProcess, spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import { freemem } from "node:os";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { makeDeviceTree } from "./generation_id.ts";
import { GUESTS } from "./guests.ts";
import {
  argumentsFor,
  type Hardware,
  MAILBOX_FILE,
  MEMORY_FILE,
  ROOT_FILE,
} from "./hardware.ts";
import { distDir } from "./paths.ts";
import { Qmp } from "./qmp.ts";
import { run, which } from "./run.ts";

/** The size of a machine's third disk. */
const MAILBOX_BYTES = 65_536;
const MEMORY_DIR = "/dev/shm";
/** What the snapshots of all tests that run at once may take, and more. */
const ROOM_BYTES = 8 * 2 ** 30;

/**
 * In memory where there is room: a run writes gigabytes of snapshots, and a disk
 * that must take them all is slow for whatever comes after.
 */
export const runDir: string = hasRoom(MEMORY_DIR)
  ? join(MEMORY_DIR, "lull-vm")
  : join(distDir, "run");

function hasRoom(dir: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return Math.min(bavail * bsize, freemem()) >= ROOM_BYTES;
  } catch {
    // No such folder.
    return false;
  }
}

const living = new Set<Qemu>();
let count = 0;

/** Removes the folders of processes that were killed before they could do it. */
export function sweep(): void {
  if (!existsSync(runDir)) return;
  for (const name of readdirSync(runDir)) {
    if (!existsSync(`/proc/${name.split("-")[0]}`)) {
      rmSync(join(runDir, name), { recursive: true, force: true });
    }
  }
}

/** A folder of this process under `runDir`, removed at its end. */
export function ownDir(name: string): string {
  if (count === 0) {
    sweep();
    process.on("exit", () => {
      for (const qemu of living) qemu.kill();
      for (const name of readdirSync(runDir)) {
        if (!name.startsWith(`${process.pid}-`)) continue;
        rmSync(join(runDir, name), { recursive: true, force: true });
      }
      sweep();
    });
  }
  const dir = join(runDir, `${process.pid}-${++count}-${name}`);
  mkdirSync(dir, { recursive: true });
  return dir;
}

/** Copies a file and leaves out its zeros, which read the same. */
export function copySparse(from: string, to: string): void {
  run("cp", ["--sparse=always", from, to]);
}

/** Makes a disk that takes all writes, over an image that stays as it is. */
function makeOverlay(file: string, image: string): void {
  run("qemu-img", [
    ...["create", "-q", "-f", "qcow2", "-b", image, "-F", "raw", file],
  ]);
}

/** One QEMU process: its control connection, its ports, its end. */
export class Qemu {
  readonly qmp: Qmp;
  readonly dir: string;
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>;
  readonly #child: ChildProcess;
  #words = "";

  private constructor(child: ChildProcess, dir: string) {
    this.#child = child;
    this.dir = dir;
    this.qmp = new Qmp(child.stdout as Readable, child.stdin as Writable);
    child.stderr?.on("data", (chunk) => this.#words += chunk);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gone = promise;
    child.on("error", (error) => this.#words += error.message);
    child.on("close", (code, signal) => {
      living.delete(this);
      this.qmp.close(
        new Error(`QEMU ended with ${code ?? signal}: ${this.lastWords()}`),
      );
      resolve();
    });
    living.add(this);
  }

  /**
   * Starts a machine, or with `incoming` one that waits for a snapshot. It gets
   * copies of the files: `data` is its /data, `memory` a memory that is a file,
   * `root` a root filesystem that is a disk; if not given, that is the image.
   * `mailbox` is the text on its third disk, if it has one.
   */
  static async start(
    hardware: Hardware,
    files: {
      readonly data: string;
      readonly memory?: string;
      readonly root?: string;
      readonly mailbox?: string;
    },
    incoming = false,
  ): Promise<Qemu> {
    const arm64 = GUESTS[hardware.image.guest].arch === "arm64";
    const program = `qemu-system-${arm64 ? "aarch64" : "x86_64"}`;
    const qemu = which(program);
    if (!qemu) {
      throw new Error(
        `Cannot start a machine: there is no ${program}, run \`make vm-deps\` first`,
      );
    }
    const dir = ownDir("machine");
    if (arm64 && hardware.guid) makeDeviceTree(qemu, hardware, dir);
    copyFileSync(files.data, join(dir, "data.ext4"));
    if (hardware.root !== "layer") {
      const root = join(dir, ROOT_FILE);
      if (files.root) copySparse(files.root, root);
      else if (hardware.root === "overlay") {
        makeOverlay(root, hardware.image.disk);
      } else copySparse(hardware.image.disk, root);
    }
    if (hardware.mailbox) {
      const disk = Buffer.alloc(MAILBOX_BYTES);
      disk.write(files.mailbox ?? "");
      writeFileSync(join(dir, MAILBOX_FILE), disk);
    }
    if (files.memory) copySparse(files.memory, join(dir, MEMORY_FILE));
    // The kernel kills QEMU when this process ends, however it ends (prctl(2), PR_SET_PDEATHSIG).
    const child = spawn("setpriv", [
      "--pdeathsig",
      "KILL",
      qemu,
      ...argumentsFor(hardware, incoming),
    ], { cwd: dir, env: { ...process.env, TMPDIR: dir } });
    const machine = new Qemu(child, dir);
    try {
      await machine.qmp.ready();
    } catch (error) {
      await machine.end();
      throw error;
    }
    return machine;
  }

  /** The port on 127.0.0.1 of this host that leads to the guest's port. */
  async forwarded(port: number, address?: string): Promise<number> {
    // Protocol[State] FD source-address port destination-address port ...
    const table = await this.qmp.human("info usernet");
    for (const line of table.split("\n")) {
      const [state, , , from, to, target] = line.trim().split(/\s+/);
      if (state !== "TCP[HOST_FORWARD]" || Number(target) !== port) continue;
      if (address === undefined || to === address) return Number(from);
    }
    throw new Error(
      `Cannot reach port ${port} of the guest: no forward in ${table}`,
    );
  }

  /** Whether the guest's kernel has panicked: its last words may be far behind. */
  get panicked(): boolean {
    return this.#console().includes("Kernel panic");
  }

  #console(): string {
    const file = join(this.dir, "console.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** What QEMU and the guest's console said last. */
  lastWords(): string {
    const text = this.#console();
    // Haswell has features that TCG lacks, and QEMU says so once per processor.
    const words = this.#words.split("\n")
      .filter((line) => !line.includes("TCG doesn't support")).join("\n");
    return [words.trim(), text.trim().split("\n").slice(-12).join("\n")]
      .filter(Boolean).join("\n");
  }

  /** Sends SIGKILL. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Kills the process, waits until it is gone and removes its folder. */
  async end(): Promise<void> {
    this.kill();
    await this.gone;
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** The process's number. */
  get pid(): number | undefined {
    return this.#child.pid;
  }
}
