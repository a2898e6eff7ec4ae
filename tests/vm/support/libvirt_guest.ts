/**
 * A guest with Lull and without qemu-ga, as a domain of libvirt.
 * @module
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { BOOT_TRIES } from "./boot.ts";
import { say } from "./fleet.ts";
import { Guest, type GuestPorts } from "./guest_access.ts";
import { GUESTS } from "./guests.ts";
import { AGENT_PORT, HELPER_PORT } from "./hardware.ts";
import { buildImage } from "./image.ts";
import type { Libvirt } from "./libvirt.ts";
import { run, which } from "./run.ts";

/** The name of the domain. */
export const DOMAIN = "guest";

/** The flags of the agent. */
const FLAGS = [
  ...["--dialects=qemu-ga", "--no-forward-ports", "--zero-memory-mib=0"],
  "--drop-caches=off",
];

/** A domain that runs. */
export class LibvirtGuest extends Guest {
  protected readonly gone = new Promise<void>(() => {});
  /** The file with the disk of /data; a snapshot has it as its backing file. */
  readonly disk: string;
  readonly #libvirt: Libvirt;

  private constructor(libvirt: Libvirt, ports: GuestPorts, disk: string) {
    super(ports);
    this.#libvirt = libvirt;
    this.disk = disk;
  }

  /**
   * Defines the domain, starts it, and waits until its agent is ready. If the kernel panics as it
   * boots, starts it again: see BOOT_TRIES.
   */
  static async start(libvirt: Libvirt): Promise<LibvirtGuest> {
    const image = buildImage({ variant: "bun" });
    const disk = join(libvirt.directory, "data.qcow2");
    run("qemu-img", [
      ...["convert", "-f", "raw", "-O", "qcow2", image.data, disk],
    ]);
    const file = join(libvirt.directory, "domain.xml");
    writeFileSync(file, domainXml(image, disk, libvirt.directory));
    libvirt.virsh("define", file);
    for (let tries = BOOT_TRIES;; tries--) {
      libvirt.virsh("start", DOMAIN);
      const guest = new LibvirtGuest(libvirt, {
        agent: forwarded(libvirt, AGENT_PORT),
        helper: forwarded(libvirt, HELPER_PORT),
      }, disk);
      try {
        await guest.ready();
        return guest;
      } catch (error) {
        // A domain whose kernel has panicked is off: see on_reboot and panic=-1.
        if (!guest.#console.includes("Kernel panic") || tries === 1) {
          throw error;
        }
        say("the guest's kernel panicked as it booted: once more");
      }
    }
  }

  lastWords(): string {
    return `${this.#console.slice(-2000)}\n${this.#libvirt.log()}`;
  }

  /** What the guest's kernel has said. */
  get #console(): string {
    const file = join(this.#libvirt.directory, "console.log");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }
}

/** The port on 127.0.0.1 of this host that leads to the guest's port. */
function forwarded(libvirt: Libvirt, port: number): number {
  const table = libvirt.virsh(
    ...["qemu-monitor-command", DOMAIN, "--hmp", "info usernet"],
  );
  for (const line of table.split("\n")) {
    const [state, , , from, , target] = line.trim().split(/\s+/);
    if (state === "TCP[HOST_FORWARD]" && Number(target) === port) {
      return Number(from);
    }
  }
  throw new Error(`Cannot reach port ${port} of the guest: ${table}`);
}

/**
 * The domain. libvirt 9 has no forwards for a user's network, so that the network is given to QEMU as
 * it is.
 */
function domainXml(
  image: ReturnType<typeof buildImage>,
  disk: string,
  directory: string,
): string {
  const { cpu, memory } = GUESTS.glibc;
  const flags = Buffer.from(FLAGS.join("\n")).toString("base64");
  const forwards = [AGENT_PORT, HELPER_PORT]
    .map((port) => `hostfwd=tcp:127.0.0.1:0-:${port}`).join();
  return `<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>${DOMAIN}</name>
  <memory unit='MiB'>${memory}</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>${image.kernel}</kernel>
    <initrd>${image.initramfs}</initrd>
    <cmdline>console=ttyS0 quiet panic=-1 net.ifnames=0 lull.root=layer lull.flags=${flags}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='allow'>${cpu}</model></cpu>
  <clock offset='utc'/>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>${which("qemu-system-x86_64")}</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='${image.disk}'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
    </disk>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='unsafe' discard='unmap'/>
      <source file='${disk}'/>
      <target dev='vdb' bus='virtio'/>
    </disk>
    <serial type='file'><source path='${directory}/console.log'/></serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <memballoon model='none'/>
  </devices>
  <qemu:commandline>
    <qemu:arg value='-netdev'/>
    <qemu:arg value='user,id=net,ipv6=off,${forwards}'/>
    <qemu:arg value='-device'/>
    <qemu:arg value='virtio-net-pci,netdev=net,romfile=,bus=pcie.0,addr=0x10'/>
  </qemu:commandline>
</domain>
`;
}
