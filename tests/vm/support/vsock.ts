/**
 * The host's side of a guest's vsock device.
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Raw, type RawResponse } from "../../support/raw.ts";
import { until } from "../../support/until.ts";
import { LIMIT } from "./agent.ts";
import { AGENT_PORT, HOT_BUS } from "./hardware.ts";
import { guestKernel, VSOCK_MODULES } from "./kernel.ts";
import type { Machine } from "./machine.ts";
import { VsockProcess } from "./vsock_process.ts";

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
  readonly #process: VsockProcess;

  private constructor(machine: Machine, process: VsockProcess) {
    this.#machine = machine;
    this.#process = process;
  }

  /** The unix socket for programs of the host. */
  get path(): string {
    return this.#process.path;
  }

  /** Plugs a device into the machine, and waits until its agent can be reached there. */
  static async plug(machine: Machine): Promise<VsockDevice> {
    const process = await VsockProcess.start();
    const device = new VsockDevice(machine, process);
    try {
      await device.#plug();
      await until("the probe", () => device.#isProbed(), PROBE_MS)
        .catch(() => {
          throw new ProbeError(
            `The guest does not finish the probe of vsock; ${process.lastWords()}`,
          );
        });
      await until("the rings of the device", () => process.isReady, LIMIT);
      assert.equal((await device.ask("GET", "/snapshot")).status, 200);
      return device;
    } catch (error) {
      process.end();
      if (error instanceof ProbeError) throw error;
      const { stdout } = await machine.exec(
        "dmesg | tail -20; ls /sys/bus/virtio/devices; lsmod | grep vsock; grep virtio /proc/interrupts",
      );
      console.error(
        `A device that did not answer: ${process.lastWords()}\n${stdout}`,
      );
      throw error;
    }
  }

  /** Opens a connection to the agent. */
  open(): Promise<Raw> {
    return Raw.openVsock(this.path, AGENT_PORT, LIMIT);
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

  async #plug(): Promise<void> {
    // QEMU keeps that of a former device.
    const chardev = `vsock-control-${++plugged}`;
    const data = { path: this.#process.control };
    await this.#machine.execute("chardev-add", {
      id: chardev,
      backend: {
        type: "socket",
        data: { addr: { type: "unix", data }, server: false },
      },
    });
    await this.#machine.execute("device_add", {
      driver: "vhost-user-vsock-pci",
      ...{ id: "vsock", chardev, bus: HOT_BUS },
    });
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
    this.#process.end();
    return Promise.resolve();
  }
}
