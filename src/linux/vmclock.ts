/**
 * The VMClock device, in which a hypervisor counts what it does to the time of a guest: struct
 * vmclock_abi of include/uapi/linux/vmclock-abi.h. Its device file exists since Linux 6.13.
 * @module
 */
import { closeSync, openSync, readSync } from "node:fs";
import { resultUnless } from "../util/errors.ts";

/** The file of the first device. A machine has one at most. */
export const VMCLOCK = "/dev/vmclock0";

/** "VCLK" in little-endian order. */
const MAGIC = 0x4b4c4356;
const VERSION = 1;
/** The offsets of the fields, and the bytes up to the end of the last one. */
const OFFSET = {
  magic: 0,
  size: 4,
  version: 8,
  sequence: 12,
  disruption: 16,
  flags: 24,
  generation: 104,
} as const;
const BYTES = 112;
/** The bytes of the fields that every version of the device has. */
const LEAST_BYTES = 32;
/** VMCLOCK_FLAG_VM_GEN_COUNTER_PRESENT */
const HAS_GENERATION = 1n << 8n;
/** Reads until a value counts that no update overlaps. The driver itself waits for 100 ms. */
const READS = 3;

/** What the device says. */
export interface VmClock {
  /** Changes when the time of the guest was disrupted: a restore or a live migration. */
  readonly disruption: bigint;
  /** Changes when the guest was loaded from a snapshot; undefined if the device does not count. */
  readonly generation: bigint | undefined;
}

/**
 * Reads the device; undefined if there is none. read(2) of the driver returns a consistent copy,
 * but an update may be under way in it: the sequence number is odd then, and the copy is read again.
 */
export function readVmClock(path: string = VMCLOCK): VmClock | undefined {
  const fd = resultUnless(["ENOENT"], () => openSync(path, "r"));
  if (fd === undefined) return undefined;
  try {
    const bytes = new Uint8Array(BYTES);
    for (let left = READS; left > 0; left--) {
      const length = readSync(fd, bytes, 0, BYTES, 0);
      const view = new DataView(bytes.buffer, 0, length);
      if (length < LEAST_BYTES) throw wrong(path, "it has too few bytes");
      if (view.getUint32(OFFSET.sequence, true) % 2 === 0) {
        return parse(path, view);
      }
    }
    throw wrong(path, "the hypervisor is changing it");
  } finally {
    closeSync(fd);
  }
}

function parse(path: string, view: DataView): VmClock {
  if (view.getUint32(OFFSET.magic, true) !== MAGIC) {
    throw wrong(path, "it is no VMClock");
  }
  const version = view.getUint16(OFFSET.version, true);
  if (version !== VERSION) throw wrong(path, `its version is ${version}`);
  const flags = view.getBigUint64(OFFSET.flags, true);
  const size = Math.min(view.getUint32(OFFSET.size, true), view.byteLength);
  const counts = (flags & HAS_GENERATION) !== 0n && size >= BYTES;
  return {
    disruption: view.getBigUint64(OFFSET.disruption, true),
    generation: counts ? view.getBigUint64(OFFSET.generation, true) : undefined,
  };
}

function wrong(path: string, why: string): Error {
  return new Error(`Cannot read ${path}: ${why}`);
}
