/**
 * The hardware of a machine, and how QEMU is told of it.
 */
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
}

/** QEMU's arguments for it; with `incoming` it waits for a snapshot. */
export function argumentsFor(hardware: Hardware, incoming: boolean): string[] {
  const { image, accel, guid } = hardware;
  const flags = Buffer.from(hardware.flags.join("\n")).toString("base64");
  const forward = (port: number) => `hostfwd=tcp:127.0.0.1:0-:${port}`;
  const args = [
    "-nodefaults -no-user-config -display none -no-reboot -M q35",
    `-accel ${accel === "kvm" ? "kvm" : "tcg,thread=multi"}`,
    `-cpu ${accel === "kvm" ? "host" : "Haswell"}`,
    `-smp ${hardware.cpus} -m ${hardware.memory} -rtc ${hardware.rtc}`,
    "-qmp stdio -serial file:console.log",
    "-device virtio-blk-pci,drive=root -device virtio-blk-pci,drive=data",
    "-drive if=none,id=data,format=raw,cache=unsafe,file=data.ext4",
    `-netdev user,id=net,ipv6=off,${forward(AGENT_PORT)},${
      forward(HELPER_PORT)
    }`,
    "-device virtio-net-pci,netdev=net,romfile=",
  ];
  if (guid) args.push(`-device vmgenid,guid=${guid}`);
  if (hardware.rng) args.push("-device virtio-rng-pci");
  if (hardware.balloon) {
    args.push("-device virtio-balloon-pci,free-page-reporting=on");
  }
  if (incoming) args.push("-incoming defer");
  return [
    ...args.flatMap((words) => words.split(" ")),
    // These may have blanks; QEMU wants a comma in a value twice.
    "-drive",
    `if=none,id=root,format=raw,readonly=on,file=${
      image.disk.replaceAll(",", ",,")
    }`,
    "-kernel",
    image.kernel,
    "-initrd",
    image.initramfs,
    "-append",
    `console=ttyS0 quiet panic=-1 lull.flags=${flags}`,
  ];
}
