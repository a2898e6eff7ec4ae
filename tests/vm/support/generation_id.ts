/**
 * A VMGenID device for arm64. QEMU has none there, but the guest's kernel needs only a page of
 * memory and an interrupt, which the device tree names (microsoft,vmgenid). Firecracker does the
 * same.
 * @module
 */
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { GUESTS } from "./guests.ts";
import type { Hardware } from "./hardware.ts";
import { run } from "./run.ts";

/** The files of the device, in QEMU's folder. */
const DEVICE_TREE = "machine.dtb";
const GDB_SOCKET = "gdb";

/** The start of the memory of QEMU's machine `virt`, and of its interrupt distributor. */
const MEMORY_START = 0x4000_0000;
const DISTRIBUTOR = 0x0800_0000;
/** The registers whose bits make interrupts pending: GICD_ISPENDR0 and those after it. */
const PENDING = DISTRIBUTOR + 0x200;
/** The largest page of an arm64 kernel: the device has its own. */
const DEVICE_BYTES = 0x1_0000;
/** A shared interrupt that no other device of `virt` has, and the number of the first one. */
const INTERRUPT = 64;
const FIRST_SHARED = 32;
/** The flag of an interrupt that is raised by an edge, in a device tree. */
const EDGE_RISING = 1;
/** Milliseconds until QEMU's answer to one packet. */
const ANSWER_MS = 60_000;

function addressOf({ memory }: Hardware): number {
  return MEMORY_START + memory * 2 ** 20 - DEVICE_BYTES;
}

/** QEMU's arguments for the device. The way to write its memory is the one of a debugger. */
export function generationArguments(): string[] {
  return [
    `-dtb ${DEVICE_TREE}`,
    `-chardev socket,id=gdb,path=${GDB_SOCKET},server=on,wait=off`,
    "-gdb chardev:gdb",
  ];
}

/** Writes the device tree that QEMU would make for this machine, with the device in it. */
export function makeDeviceTree(
  qemu: string,
  hardware: Hardware,
  dir: string,
): void {
  const { cpu } = GUESTS[hardware.image.guest];
  run(qemu, [
    ...["-M", `virt,gic-version=3,dumpdtb=${DEVICE_TREE}`, "-cpu", cpu],
    ...["-smp", `${hardware.cpus}`, "-m", `${hardware.memory}`],
  ], { cwd: dir });
  const address = addressOf(hardware).toString(16);
  const reg = ["0", address, "0", DEVICE_BYTES.toString(16)];
  const put = (node: string, property: string, ...words: string[]) =>
    run("fdtput", ["-p", "-t", "x", DEVICE_TREE, node, property, ...words], {
      cwd: dir,
    });
  // QEMU's seeds: each boot from this file would get the same.
  for (const seed of ["kaslr-seed", "rng-seed"]) {
    run("fdtput", ["-d", DEVICE_TREE, "/chosen", seed], { cwd: dir });
  }
  put("/reserved-memory", "#address-cells", "2");
  put("/reserved-memory", "#size-cells", "2");
  put("/reserved-memory", "ranges");
  const reserved = `/reserved-memory/vmgenid@${address}`;
  put(reserved, "reg", ...reg);
  put(reserved, "no-map");
  const device = `/vmgenid@${address}`;
  put(device, "reg", ...reg);
  put(device, "interrupts", "0", INTERRUPT.toString(16), `${EDGE_RISING}`);
  run("fdtput", [
    ...["-t", "s", DEVICE_TREE, device, "compatible", "microsoft,vmgenid"],
  ], { cwd: dir });
}

/** Gives a machine that stands still another generation id, and raises the interrupt. */
export async function changeGenerationId(
  hardware: Hardware,
  dir: string,
): Promise<void> {
  const id = (hardware.guid ?? "").replaceAll("-", "");
  const number = FIRST_SHARED + INTERRUPT;
  const register = PENDING + 4 * Math.floor(number / 32);
  const bit = Buffer.alloc(4);
  bit.writeUInt32LE(1 << number % 32 >>> 0);
  const debugged = await Debugger.connect(join(dir, GDB_SOCKET));
  try {
    await debugged.call("Qqemu.PhyMemMode:1");
    await debugged.write(addressOf(hardware), id);
    await debugged.write(register, bit.toString("hex"));
  } finally {
    debugged.close();
  }
}

/**
 * The remote protocol of gdb, as much as writing memory needs: `$packet#checksum`, `+` for a packet
 * that arrived. It ends without the packet that detaches: that one lets the machine run.
 */
class Debugger {
  readonly #socket: Socket;
  #text = "";
  #wake = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#text += text;
      this.#wake();
    });
  }

  static connect(path: string): Promise<Debugger> {
    return new Promise((resolve, reject) => {
      const socket = connect(path, () => resolve(new Debugger(socket)));
      socket.on("error", reject);
    });
  }

  /** Writes bytes, which are given in hexadecimal, to an address. */
  async write(address: number, bytes: string): Promise<void> {
    const where = `${address.toString(16)},${(bytes.length / 2).toString(16)}`;
    await this.call(`M${where}:${bytes}`);
  }

  /** Sends a packet, whose answer must be OK. */
  async call(packet: string): Promise<void> {
    const sum = Buffer.from(packet).reduce((sum, byte) => sum + byte & 255, 0);
    this.#text = "";
    this.#socket.write(`$${packet}#${sum.toString(16).padStart(2, "0")}`);
    const limit = AbortSignal.timeout(ANSWER_MS);
    limit.addEventListener("abort", () => this.#wake());
    for (;;) {
      const answer = /\$([^#]*)#../.exec(this.#text)?.[1];
      if (answer === "OK") return void this.#socket.write("+");
      if (answer !== undefined || limit.aborted) {
        throw new Error(
          `Cannot ${packet.split(":")[0]}: ${answer ?? "no answer"}`,
        );
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
