/**
 * Checks of the virtual machine: the devices that its hypervisor gives the guest.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../util/errors.ts";
import { hostClock, wallClock } from "../linux/clock.ts";
import { readHardware } from "../linux/entropy.ts";
import { hardwareClock } from "../linux/machine_clock.ts";
import { readVmClock, VMCLOCK } from "../linux/vmclock.ts";
import { hasGenerationId } from "../linux/vmgenid.ts";
import { type Check, never } from "./check.ts";
import { findHypervisor } from "./hypervisor.ts";

/** Milliseconds that /dev/hwrng may take; the recovery has the same limit. */
const HARDWARE_LIMIT_MS = 250;
/** VIRTIO_BALLOON_F_REPORTING, linux/virtio_balloon.h */
const BALLOON_REPORTING = 5;
const BALLOONS = "/sys/bus/virtio/drivers/virtio_balloon";

/** The checks of the machine. */
export const machineChecks: readonly Check[] = [
  {
    name: "hypervisor",
    needed: never,
    look: () => findHypervisor(),
    skipped: "nothing, but only a virtual machine has snapshots",
    remedy: "run Lull inside the virtual machine, not on its host",
  },
  {
    name: "vmgenid",
    // Without VMGenID, a fork does not recover on its own, and a health check that
    // needs evidence has only the evidence of the clocks.
    needed: (config) => config.healthRecovers !== "always",
    look() {
      if (hasGenerationId()) return "the kernel is notified of every fork";
      throw new Error("this machine has no VMGenID device with a driver");
    },
    skipped: "exact evidence of a restore; Lull estimates it from the clocks",
    remedy:
      "add the device (QEMU: -device vmgenid,guid=auto; on arm64 a node microsoft,vmgenid in the device tree) and use a kernel with CONFIG_VMGENID, Linux 5.18 or later (arm64: 6.10)",
  },
  {
    name: "vmclock",
    needed: never,
    look: () => findVmClock(),
    skipped: "exact evidence of a restore, unless vmgenid works",
    remedy:
      "use a hypervisor that has the device (Firecracker, Amazon EC2; QEMU 10: -device vmclock, which counts no generations), and a kernel with CONFIG_PTP_1588_CLOCK_VMCLOCK, Linux 6.13 or later",
  },
  {
    name: "rtc",
    needed: never,
    look() {
      if (hardwareClock().read() !== undefined) {
        return "measures how long the machine was paused";
      }
      throw new Error("this machine has no hardware clock in /sys/class/rtc");
    },
    skipped: "evidence of a pause, unless ptp works",
    remedy:
      "use a kernel with CONFIG_RTC_CLASS on a machine with a hardware clock",
  },
  {
    name: "ptp",
    needed: never,
    look({ libc }) {
      const clock = hostClock(libc);
      if (clock === undefined) {
        throw new Error("this machine has no PTP clock with the host's time");
      }
      const off = Math.abs(clock.read() - wallClock(libc));
      return `${clock.name}, ${off.toFixed(1)} ms off the wall clock`;
    },
    skipped:
      "setting the wall clock, unless the host sends its time to recover",
    remedy: "load the kernel module ptp_kvm or ptp_hyperv in the guest",
  },
  {
    name: "hardware-random",
    needed: never,
    async look() {
      const bytes = await readHardware(1, { limitMs: HARDWARE_LIMIT_MS });
      if (bytes !== undefined) return "/dev/hwrng returns random bytes";
      throw new Error("/dev/hwrng does not exist or has no source");
    },
    skipped:
      "reseeding the random pool, unless VMGenID or the host's entropy reseeds it",
    remedy:
      "run the agent as root, add a virtio-rng device, and load the kernel module virtio_rng in the guest",
  },
  {
    name: "free-page-reporting",
    needed: never,
    look: () => findReporting(),
    skipped:
      "nothing in the guest, but the host does not get back the guest's free memory",
    remedy:
      "add a virtio balloon that reports free pages (QEMU: free-page-reporting=on) and use a kernel with CONFIG_PAGE_REPORTING",
  },
];

/** Describes the VMClock device; throws if there is none. */
export function findVmClock(path: string = VMCLOCK): string {
  const found = readVmClock(path);
  if (found === undefined) {
    throw new Error("this machine has no VMClock device with a driver");
  }
  return found.generation === undefined
    ? `${path} marks disruptions of the time, but counts no generations`
    : `${path} counts the restores of this machine`;
}

/** Describes the balloon that reports free pages; throws if there is none. */
export function findReporting(
  balloons = BALLOONS,
  module = "/sys/module/page_reporting",
): string {
  if (entriesOf(module).length === 0) {
    throw new Error("this kernel has no page reporting");
  }
  const found = entriesOf(balloons).filter((name) => /^virtio\d/.test(name));
  // The file contains a text of the digits 0 and 1, with bit 0 first.
  const name = found.find((name) =>
    readFileSync(join(balloons, name, "features"), "utf8")
      .charAt(BALLOON_REPORTING) === "1"
  );
  if (name !== undefined) return `${name} reports free pages to the host`;
  throw new Error(
    found.length === 0
      ? "this machine has no virtio balloon"
      : "the virtio balloon of this machine does not report free pages",
  );
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
