/**
 * The process of a vsock device: vhost-device-vsock 0.3.0, which has the socket and the handshake of
 * Firecracker and needs no KVM. Two of its faults decide what a host does here, and neither is in the
 * guest:
 * - The thread that moves packets ends at a connection that comes before the rings are set up
 *   (`handle_event` of vhu_vsock.rs returns the error of a queue that is not ready). QEMU does not
 *   wait until the device has set them up: the guest's driver is done before, on a busy machine.
 * - The same thread panics at the guest's reply to a connection that the host has closed in the
 *   meantime (`unwrap` of VSOCK_OP_RESPONSE in vsock_conn.rs).
 * After either, the device accepts connections and never answers one.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import { projectDir } from "./paths.ts";
import { ownDir } from "./qemu.ts";

const PROGRAM = join(projectDir, ".tools/vsock/bin/vhost-device-vsock");

/** Why tests with the device are skipped; false if they can run. */
export const noDevice: string | false = existsSync(PROGRAM)
  ? false
  : "there is no vhost-device-vsock, `make vsock-device` builds it";

/** The CID of every guest here: the devices are processes of their own. */
export const GUEST_CID = 3;

/** The rings that the device serves: one for each direction. QEMU serves the third one. */
const RINGS = 2;

/** The process of one device. */
export class VsockProcess {
  /** The unix socket for QEMU. */
  readonly control: string;
  /** The unix socket for programs of the host. */
  readonly path: string;
  readonly #child: ChildProcess;
  /** What its epolls watch before it has a ring. */
  #watches = 0;
  #words = "";

  private constructor() {
    const dir = ownDir("vsock");
    this.control = join(dir, "control");
    this.path = join(dir, "vsock");
    this.#child = spawn("setpriv", [
      ...["--pdeathsig", "KILL", PROGRAM, `--guest-cid=${GUEST_CID}`],
      ...[`--socket=${this.control}`, `--uds-path=${this.path}`],
    ], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child.stderr?.on("data", (chunk) => this.#words += chunk);
  }

  /** Starts the process; QEMU can connect to it then. */
  static async start(): Promise<VsockProcess> {
    const device = new VsockProcess();
    await until("the device", () => existsSync(device.control), LIMIT);
    await until("its threads to rest", () => device.#rests(), LIMIT);
    device.#watches = device.#countWatches();
    return device;
  }

  /** Whether it has set up its rings, and does nothing now: the host may connect. */
  get isReady(): boolean {
    return this.#countWatches() >= this.#watches + RINGS && this.#rests();
  }

  /** What it has said, and what its threads do. */
  lastWords(): string {
    const threads = this.#threads().map((stat) => stat.split(" ")[2]).join("");
    return `threads of the device: ${threads}\n${this.#words.trimEnd()}`;
  }

  /** Ends it. */
  end(): void {
    this.#child.kill("SIGKILL");
  }

  /** How many descriptors its epolls watch (proc_pid_fdinfo(5)): a ring adds one. */
  #countWatches(): number {
    const lines = this.#read("fdinfo").join("\n").split("\n");
    return lines.filter((line) => line.startsWith("tfd:")).length;
  }

  #rests(): boolean {
    return this.#threads().every((stat) => / S /.test(stat));
  }

  #threads(): string[] {
    return this.#read("task", "stat");
  }

  /** The files of the folder of the process, and those below its folders. */
  #read(folder: string, file = ""): string[] {
    const path = `/proc/${this.#child.pid}/${folder}`;
    return readdirSync(path).flatMap((name) => {
      try {
        return [readFileSync(join(path, name, file), "utf8")];
      } catch {
        return []; // closed, or ended, in the meantime
      }
    });
  }
}
