/**
 * Checks of the port of virtio-serial, by which libvirt, Proxmox and KubeVirt reach a guest.
 * @module
 */
import { existsSync } from "node:fs";
import type { Config } from "../config/mod.ts";
import { parseDialect } from "../config/dialects.ts";
import { portDevice } from "../linux/virtio_port.ts";
import type { Check } from "./check.ts";

/** The checks of the port. */
export const guestAgentPortChecks: readonly Check[] = [
  {
    name: "guest-agent-port",
    needed: speaksQemuGa,
    look({ config: { qemuGa } }) {
      // To open the port would tell the host that an agent is there.
      const device = portDevice(qemuGa);
      if (existsSync(device)) return `${device} exists`;
      throw new Error(`there is no ${qemuGa}`);
    },
    skipped:
      "serving hosts of the QEMU guest agent's protocol (--dialects=qemu-ga)",
    remedy:
      "give the machine the port (libvirt: a channel org.qemu.guest_agent.0; Proxmox: the option agent), use a kernel with CONFIG_VIRTIO_CONSOLE, or name another port with --qemu-ga",
  },
];

function speaksQemuGa({ dialects }: Config): boolean {
  return dialects.some((text) => parseDialect(text)?.name === "qemu-ga");
}
