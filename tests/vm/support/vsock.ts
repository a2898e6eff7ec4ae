/**
 * The host's side of a guest's vsock device: vhost-device-vsock, which has the socket and the
 * handshake of Firecracker and needs no KVM.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Raw, type RawResponse } from "../../support/raw.ts";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import { AGENT_PORT, HOT_BUS } from "./hardware.ts";
import { guestKernel, VSOCK_MODULES } from "./kernel.ts";
import type { Machine } from "./machine.ts";
import { projectDir } from "./paths.ts";
import { ownDir } from "./qemu.ts";

const PROGRAM = join(projectDir, ".tools/vsock/bin/vhost-device-vsock");

/** Why tests with the device are skipped; false if they can run. */
export const noDevice: string | false = existsSync(PROGRAM)
  ? false
  : "there is no vhost-device-vsock, `make vsock-device` builds it";

/** The folder of the modules in the guest. */
const MODULES_DIR = "/opt/vsock";

/** What an image needs for vsock: the modules, and a client for the guest's own programs. */
export function vsockFiles(): Record<string, string> {
  const { modules } = guestKernel();
  return {
    "/usr/bin/socat": "/usr/bin/socat",
    ...Object.fromEntries(
      VSOCK_MODULES.map((
        name,
      ) => [`${MODULES_DIR}/${name}.ko`, join(modules, `${name}.ko`)]),
    ),
  };
}

/** Loads the modules into the guest's kernel. */
export async function loadVsock(machine: Machine): Promise<void> {
  const files = VSOCK_MODULES.map((name) => `${MODULES_DIR}/${name}.ko`);
  await machine.sh(`for m in ${files.join(" ")}; do insmod $m; done`);
}

/** The CID of every guest here: the devices are processes of their own. */
export const GUEST_CID = 3;

/** Milliseconds for an answer, before another request is sent. */
const ANSWER_MS = 3000;

/** Milliseconds until the guest's driver has taken the device; usually one second. */
const PROBE_MS = 30_000;

/** How many machines are tried: now and then a guest's kernel does not finish the probe. */
const MACHINES = 3;

let plugged = 0;

/** The guest's kernel does not finish the probe of the device. The agent has no part in that. */
class ProbeError extends Error {}

/**
 * Plugs a device into a machine, and waits until the machine's agent can be reached there. Makes
 * another machine if the guest's kernel does not finish the probe of the device.
 */
export async function plugVsock(
  make: () => Promise<Machine>,
  fleet: { kill(machine: Machine): Promise<unknown> },
): Promise<{ machine: Machine; device: VsockDevice }> {
  for (let left = MACHINES - 1;; left--) {
    const machine = await make();
    try {
      return { machine, device: await VsockDevice.plug(machine) };
    } catch (error) {
      if (!(error instanceof ProbeError) || left === 0) throw error;
      console.error(`${error.message}: another machine is tried`);
      await fleet.kill(machine);
    }
  }
}

/** A vsock device in a running machine. */
export class VsockDevice implements AsyncDisposable {
  readonly #machine: Machine;
  readonly #child: ChildProcess;
  /** The unix socket for programs of the host. */
  readonly path: string;

  private constructor(machine: Machine, child: ChildProcess, path: string) {
    this.#machine = machine;
    this.#child = child;
    this.path = path;
  }

  /** Plugs a device into the machine, and waits until its agent can be reached there. */
  static async plug(machine: Machine): Promise<VsockDevice> {
    const dir = ownDir("vsock");
    const [control, path] = [join(dir, "control"), join(dir, "vsock")];
    const child = spawn("setpriv", [
      ...["--pdeathsig", "KILL", PROGRAM, `--guest-cid=${GUEST_CID}`],
      ...[`--socket=${control}`, `--uds-path=${path}`],
    ], { stdio: "ignore" });
    const device = new VsockDevice(machine, child, path);
    // QEMU keeps that of a former device.
    const chardev = `vsock-control-${++plugged}`;
    try {
      await until("the device", () => existsSync(control), LIMIT);
      await machine.execute("chardev-add", {
        id: chardev,
        backend: {
          type: "socket",
          data: {
            addr: { type: "unix", data: { path: control } },
            server: false,
          },
        },
      });
      await machine.execute("device_add", {
        driver: "vhost-user-vsock-pci",
        ...{ id: "vsock", chardev, bus: HOT_BUS },
      });
      await until("the probe", () => device.#isProbed(), PROBE_MS)
        .catch(() => {
          throw new ProbeError("The guest does not finish the probe of vsock");
        });
      await until("the agent on vsock", () => device.#answers(), LIMIT);
      return device;
    } catch (error) {
      child.kill("SIGKILL");
      if (error instanceof ProbeError) throw error;
      const { stdout } = await machine.exec(
        "dmesg | tail -20; ls /sys/bus/pci/devices /sys/bus/virtio/devices; lsmod | grep vsock; cat /proc/net/vsock 2>/dev/null",
      );
      console.error(`The guest after a device that did not answer:\n${stdout}`);
      throw error;
    }
  }

  /** Opens a connection to the agent. */
  open(limitMs = LIMIT): Promise<Raw> {
    return Raw.openVsock(this.path, AGENT_PORT, limitMs);
  }

  /** Sends one request on a connection of its own. */
  async ask(
    method: string,
    path: string,
    json?: unknown,
    headers: Record<string, string> = {},
  ): Promise<RawResponse> {
    const raw = await this.open();
    try {
      const body = json === undefined ? "" : JSON.stringify(json);
      raw.request(method, path, body, headers);
      return await raw.response(LIMIT);
    } finally {
      raw.destroy();
    }
  }

  /** Whether the guest's driver has taken the device (virtio 1.2, 2.1: DRIVER_OK). */
  async #isProbed(): Promise<boolean> {
    const { status } = await this.#machine.execute<
      { status: { statuses: string[] } }
    >("x-query-virtio-status", {
      path: "/machine/peripheral/vsock/virtio-backend",
    });
    return status.statuses.some((word) => word.includes("DRIVER_OK"));
  }

  /** The device loses a request that comes before the guest has found the device. */
  async #answers(): Promise<boolean> {
    let raw: Raw | undefined;
    try {
      raw = await this.open(ANSWER_MS);
      raw.request("GET", "/snapshot");
      return (await raw.response(ANSWER_MS)).status === 200;
    } catch {
      return false;
    } finally {
      raw?.destroy();
    }
  }

  /** Takes the device out of the machine: with it, no snapshot can be written. */
  async unplug(): Promise<void> {
    const machine = this.#machine;
    await machine.execute("device_del", { id: "vsock" });
    await until("the guest to let the device go", async () => {
      const path = "/machine/peripheral";
      const all = await machine.execute<{ name: string }[]>("qom-list", {
        path,
      });
      return all.every(({ name }) => name !== "vsock");
    }, LIMIT);
    await this[Symbol.asyncDispose]();
  }

  /** Ends the device's process. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    return Promise.resolve();
  }
}
