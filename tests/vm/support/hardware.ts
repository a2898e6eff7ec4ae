/**
 * The hardware of a machine, and how QEMU is told of it.
 */
import { generationArguments } from "./generation_id.ts";
import { GUESTS } from "./guests.ts";
import type { Image } from "./image.ts";

/** How the guest's processor is made: by the hardware, or in software. */
export type Accel = "kvm" | "tcg";

/** The port of the agent, and of the program that runs the tests' commands. */
export const AGENT_PORT = 49983;
export const HELPER_PORT = 8022;

/** The hardware of a machine; a snapshot goes only into the same hardware. */
export interface Hardware {
  readonly image: Image;
  readonly accel: Accel;
  /** MiB. */
  readonly memory: number;
  readonly cpus: number;
  /** The generation id, or undefined for a machine without that device. */
  readonly guid?: string;
  /** Flags of the agent. */
  readonly flags: readonly string[];
  /** A hardware source of randomness. */
  readonly rng: boolean;
  /** A balloon that takes free pages from the guest as it reports them. */
  readonly balloon: boolean;
  /** What QEMU's -rtc gets. */
  readonly rtc: string;
  /**
   * Whether the guest's memory is a file, of which each snapshot has a copy. QEMU
   * maps the pages of a "whole" one at the start, those of a "lazy" one as they
   * are touched; the host then maps up to 15 pages beside each of them, too.
   */
  readonly memoryFile: "none" | "whole" | "lazy";
  /**
   * Whether emulated processors take turns and the guest's clock counts their
   * instructions. What a guest does until its reply then does not depend on the
   * load of this host: no timer of the guest expires because the host was slow.
   */
  readonly steady: boolean;
  /**
   * What the guest's root filesystem is: a layer in memory over the image, or a
   * disk that is a copy of the image, which the guest writes to ("disk") or has
   * mounted read-only ("readonly"). "overlay": a disk whose file has only what the
   * guest has written; it can be copied only while the machine stands still.
   */
  readonly root: "layer" | "disk" | "readonly" | "overlay";
  /** Whether it has a third disk, /dev/vdc, whose content each fork can have for itself. */
  readonly mailbox: boolean;
  /** Whether devices can be plugged into the running machine: on the bus HOT_BUS. */
  readonly hotplug: boolean;
  /** Whether there is a port of virtio-serial for a guest agent, at PORT_SOCKET. */
  readonly serialPort: boolean;
}

/** The socket of the host's end of the port, in QEMU's folder. */
export const PORT_SOCKET = "port.sock";

/** The device of the port, as QMP names and adds it. */
export const PORT_DEVICE = {
  driver: "virtserialport",
  id: "port",
  chardev: "port",
  name: "org.qemu.guest_agent.0",
} as const;

/** The file of a root filesystem that is a disk, in QEMU's folder. */
export const ROOT_FILE = "root.disk";

/** The file of the third disk, in QEMU's folder. */
export const MAILBOX_FILE = "mailbox.disk";

/** The bus for devices that are plugged in while the machine runs. */
export const HOT_BUS = "hot";

/** The file of the guest's memory, in QEMU's folder: byte for byte as the guest sees it. */
export const MEMORY_FILE = "memory";

/** The emulator of processors. If it is steady, an instruction takes one nanosecond of the guest. */
function emulator({ steady }: Hardware): string {
  return steady ? "tcg,thread=single -icount shift=0" : "tcg,thread=multi";
}

/** QEMU's arguments for it; with `incoming` it waits for a snapshot. */
export function argumentsFor(hardware: Hardware, incoming: boolean): string[] {
  const { image, accel, guid } = hardware;
  const { arch, cpu } = GUESTS[image.guest];
  const arm64 = arch === "arm64";
  const flags = Buffer.from(hardware.flags.join("\n")).toString("base64");
  const forward = (port: number) => `hostfwd=tcp:127.0.0.1:0-:${port}`;
  const args = [
    "-nodefaults -no-user-config -display none -no-reboot",
    `-M ${arm64 ? "virt,gic-version=3" : "q35"}`,
    `-accel ${accel === "kvm" ? "kvm" : emulator(hardware)}`,
    `-cpu ${accel === "kvm" ? "host" : cpu}`,
    `-smp ${hardware.cpus} -m ${hardware.memory} -rtc ${hardware.rtc}`,
    "-qmp stdio -serial file:console.log",
    "-device virtio-blk-pci,drive=root -device virtio-blk-pci,drive=data",
    "-drive if=none,id=data,format=raw,cache=unsafe,file=data.ext4",
    `-netdev user,id=net,ipv6=off,${forward(AGENT_PORT)},${
      forward(HELPER_PORT)
    }`,
    "-device virtio-net-pci,netdev=net,romfile=",
  ];
  if (hardware.memoryFile !== "none") {
    const file = `mem-path=${MEMORY_FILE},size=${hardware.memory}M,share=on`;
    const prealloc = hardware.memoryFile === "whole" ? "on" : "off";
    args.push(
      `-object memory-backend-file,id=m,${file},prealloc=${prealloc}`,
      "-machine memory-backend=m",
    );
  }
  if (hardware.mailbox) {
    args.push(
      `-drive if=none,id=mailbox,format=raw,readonly=on,file=${MAILBOX_FILE}`,
      "-device virtio-blk-pci,drive=mailbox",
    );
  }
  if (hardware.hotplug) {
    args.push(`-device pcie-root-port,id=${HOT_BUS},chassis=1`);
  }
  if (hardware.serialPort) {
    const { driver, ...device } = PORT_DEVICE;
    const properties = Object.entries(device).map((pair) => pair.join("="));
    args.push(
      "-device virtio-serial-pci,id=serial",
      `-chardev socket,id=${device.chardev},path=${PORT_SOCKET},server=on,wait=off`,
      `-device ${[driver, ...properties].join()}`,
    );
  }
  if (guid && !arm64) args.push(`-device vmgenid,guid=${guid}`);
  if (guid && arm64) args.push(...generationArguments());
  if (hardware.rng) args.push("-device virtio-rng-pci");
  if (hardware.balloon) {
    args.push("-device virtio-balloon-pci,free-page-reporting=on");
  }
  if (incoming) args.push("-incoming defer");
  return [
    ...args.flatMap((words) => words.split(" ")),
    // These may have blanks; QEMU wants a comma in a value twice.
    "-drive",
    hardware.root === "layer"
      ? `if=none,id=root,format=raw,readonly=on,file=${
        image.disk.replaceAll(",", ",,")
      }`
      : `if=none,id=root,format=${
        hardware.root === "overlay" ? "qcow2" : "raw"
      },cache=unsafe,file=${ROOT_FILE}`,
    "-kernel",
    image.kernel,
    "-initrd",
    image.initramfs,
    "-append",
    `console=${
      arm64 ? "ttyAMA0" : "ttyS0"
    } quiet panic=-1 net.ifnames=0 systemd.show_status=0 ` +
    `lull.root=${hardware.root} lull.flags=${flags}`,
  ];
}
