/**
 * A file with the bytes of a VMClock device: no machine of the tests has the device.
 * @module
 */
import { writeFileSync } from "node:fs";

/** The fields of struct vmclock_abi that a test sets (include/uapi/linux/vmclock-abi.h). */
export interface VmClockFields {
  readonly magic?: number;
  readonly size?: number;
  readonly version?: number;
  readonly sequence?: number;
  readonly disruption?: bigint;
  readonly flags?: bigint;
  readonly generation?: bigint;
  /** The bytes of the file: a page, as of a device, if not given. */
  readonly length?: number;
}

/** VMCLOCK_FLAG_VM_GEN_COUNTER_PRESENT, and another flag beside it. */
export const COUNTS = 1n << 8n | 1n;

/** Writes the file. Without fields, the device counts generations and has seen none. */
export function writeVmClock(path: string, fields: VmClockFields = {}): void {
  const bytes = new Uint8Array(4096);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, fields.magic ?? 0x4b4c4356, true);
  view.setUint32(4, fields.size ?? 4096, true);
  view.setUint16(8, fields.version ?? 1, true);
  view.setUint32(12, fields.sequence ?? 2, true);
  view.setBigUint64(16, fields.disruption ?? 7n, true);
  view.setBigUint64(24, fields.flags ?? COUNTS, true);
  view.setBigUint64(104, fields.generation ?? 1n, true);
  writeFileSync(path, bytes.subarray(0, fields.length ?? bytes.length));
}
