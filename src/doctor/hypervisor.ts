/**
 * Looks for signs of a hypervisor: each processor and each firmware has its own.
 * @module
 */
import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
} from "node:fs";
import { join } from "node:path";
import { KERNEL_LOG } from "../linux/kmsg.ts";

/**
 * A record of the kernel log (Documentation/ABI/testing/dev-kmsg) with the message of an arm64
 * kernel whose firmware calls are answered by KVM (drivers/firmware/smccc/kvm_guest.c). The
 * numbers after it differ. A priority below 8: the kernel itself wrote the record.
 */
const SMCCC = /^[0-7],[^;]*;smccc: KVM: hypervisor services detected/;

/** More than the bytes of the longest record, which is 2048 (PRINTK_MESSAGE_MAX). */
const RECORD_BYTES = 8192;

const decoder = new TextDecoder("latin1");

/** Names of machines that only hypervisors have. */
const KNOWN =
  /QEMU|KVM|Firecracker|Cloud Hypervisor|Xen|VMware|VirtualBox|Virtual Machine|Google|Amazon EC2/i;

/** Describes the hypervisor; throws if there is no sign of one. */
export function findHypervisor(root = "/"): string {
  const read = (path: string) => textOf(join(root, path));
  const name = [
    read("sys/hypervisor/type"),
    read("sys/class/dmi/id/sys_vendor"),
    read("sys/class/dmi/id/product_name"),
  ].filter((name) => name !== "").join(" ");
  // On x86, a hypervisor sets this flag for its guests (CPUID leaf 1, ECX bit 31).
  if (/^flags\s*:.*\bhypervisor\b/m.test(read("proc/cpuinfo"))) {
    return `the CPU reports a hypervisor${name ? `: ${name}` : ""}`;
  }
  if (KNOWN.test(name)) return `the firmware names a hypervisor: ${name}`;
  const found = fromDeviceTree(join(root, "proc/device-tree")) ??
    fromKernelLog(join(root, KERNEL_LOG));
  if (found !== undefined) return found;
  throw new Error(
    `there is no sign of a hypervisor${name === "" ? "" : `: ${name}`}`,
  );
}

/**
 * Looks into the device tree, from which an arm64 machine without ACPI boots. A hypervisor may
 * have a node of its own there. QEMU, Firecracker and Cloud Hypervisor call the whole machine
 * `linux,dummy-virt`, and QEMU adds the device fw-cfg.
 */
function fromDeviceTree(tree: string): string | undefined {
  const node = textOf(join(tree, "hypervisor/compatible"));
  if (node !== "") return `the device tree names a hypervisor: ${node}`;
  const machine = textOf(join(tree, "compatible"));
  const device = entriesOf(tree).some((name) => name.startsWith("fw-cfg"))
    ? "QEMU"
    : "";
  if (!machine.includes("dummy-virt") && device === "") return undefined;
  const names = [machine, device].filter((name) => name !== "").join(" ");
  return `the device tree is of a virtual machine: ${names}`;
}

/** Looks for the kernel's message about the firmware calls that KVM answers (SMCCC). */
function fromKernelLog(path: string): string | undefined {
  try {
    const log = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = new Uint8Array(RECORD_BYTES);
      for (;;) {
        const count = readSync(log, buffer, 0, buffer.length, null);
        if (count === 0) return undefined;
        const record = decoder.decode(buffer.subarray(0, count));
        if (!SMCCC.test(record)) continue;
        return "the kernel found the services of a hypervisor: KVM (SMCCC)";
      }
    } finally {
      closeSync(log);
    }
  } catch {
    // EAGAIN is the end of the log. Without the device or the right to read it, the log says
    // nothing.
    return undefined;
  }
}

/** The words of a file; a list of the device tree has a zero byte after each word. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").replaceAll("\0", " ").trim();
  } catch {
    return ""; // an unreadable file gives no name
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // a machine without a device tree
  }
}
