/**
 * Checks of the machine: what its hypervisor gives the guest.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../util/errors.ts";
import { hostClock, wallClock } from "../linux/clock.ts";
import { readHardware } from "../linux/entropy.ts";
import { hardwareClock } from "../linux/machine_clock.ts";
import { hasGenerationId } from "../linux/vmgenid.ts";
import { type Check, never } from "./check.ts";

/** Milliseconds that a hardware source may take; the recovery gives it as many. */
const HARDWARE_LIMIT_MS = 250;
/** VIRTIO_BALLOON_F_REPORTING, linux/virtio_balloon.h */
const BALLOON_REPORTING = 5;
const BALLOONS = "/sys/bus/virtio/drivers/virtio_balloon";

/** What the hypervisor gives, best known first. */
export const machineChecks: readonly Check[] = [
  {
    name: "hypervisor",
    needed: never,
    look: () => guessHypervisor(),
    skipped:
      "nothing; but only a virtual machine has a snapshot to be ready for",
    remedy: "run Lull inside the virtual machine, not on its host",
  },
  {
    name: "vmgenid",
    // Without it nothing recovers a fork by itself, and a health check that needs
    // evidence has none but the clocks'.
    needed: (config) => config.healthRecovers !== "always",
    look() {
      if (hasGenerationId()) return "the kernel hears of every fork";
      throw new Error("this machine has no VMGenID device with a driver");
    },
    skipped: "certainty whether the machine was restored; clocks must do",
    remedy:
      "give the machine the device (QEMU: -device vmgenid,guid=auto) and a kernel with CONFIG_VMGENID, Linux 5.18 or later",
  },
  {
    name: "rtc",
    needed: never,
    look() {
      if (hardwareClock().read() !== undefined) {
        return "tells how long the machine stood still";
      }
      throw new Error("this machine has no hardware clock in /sys/class/rtc");
    },
    skipped: "the evidence that a machine stood still, unless ptp gives it",
    remedy: "a kernel with CONFIG_RTC_CLASS and a machine with a clock",
  },
  {
    name: "ptp",
    needed: never,
    look({ libc }) {
      const clock = hostClock(libc);
      if (clock === undefined) {
        throw new Error("no PTP clock gives the host's time");
      }
      const off = Math.abs(clock.read() - wallClock(libc));
      return `${clock.name}, ${off.toFixed(1)} ms off the wall clock`;
    },
    skipped: "setting the clock, unless the host sends its time to recover",
    remedy: "the kernel's module ptp_kvm, or ptp_hyperv, in the guest",
  },
  {
    name: "hardware-random",
    needed: never,
    async look() {
      const bytes = await readHardware(1, { limitMs: HARDWARE_LIMIT_MS });
      if (bytes !== undefined) return "/dev/hwrng gives bytes";
      throw new Error("there is no /dev/hwrng with a source behind it");
    },
    skipped:
      "a new key for the random pool, unless VMGenID or the host's entropy gives it",
    remedy: "give the machine a virtio-rng device, and the guest virtio_rng",
  },
  {
    name: "free-page-reporting",
    needed: never,
    look: () => findReporting(),
    skipped: "nothing in the guest; the host keeps memory that is free here",
    remedy:
      "give the machine a virtio balloon that reports (QEMU: free-page-reporting=on) and a kernel with CONFIG_PAGE_REPORTING",
  },
];

/** Which balloon reports; throws where none does. */
export function findReporting(
  balloons = BALLOONS,
  module = "/sys/module/page_reporting",
): string {
  if (entriesOf(module).length === 0) {
    throw new Error("this kernel has no page reporting");
  }
  const found = entriesOf(balloons).filter((name) => /^virtio\d/.test(name));
  // A text of 0s and 1s, the first bit first.
  const name = found.find((name) =>
    readFileSync(join(balloons, name, "features"), "utf8")
      .charAt(BALLOON_REPORTING) === "1"
  );
  if (name !== undefined) return `${name} tells the host of free pages`;
  throw new Error(
    found.length === 0
      ? "this machine has no virtio balloon"
      : "the virtio balloon of this machine does not report",
  );
}

/** Names the hypervisor; throws where nothing tells of one. */
export function guessHypervisor(root = "/"): string {
  const read = (path: string) => {
    try {
      return readFileSync(join(root, path), "utf8").trim();
    } catch {
      return ""; // where it is unreadable, it tells nothing
    }
  };
  const names = [
    read("sys/hypervisor/type"),
    read("sys/class/dmi/id/sys_vendor"),
    read("sys/class/dmi/id/product_name"),
  ].filter((name) => name !== "");
  // The flag that a hypervisor sets for its guests, on x86 (CPUID leaf 1).
  const flagged = /^flags\s*:.*\bhypervisor\b/m.test(read("proc/cpuinfo"));
  const seen = names.join(" ");
  if (flagged) {
    return `the CPU says that this is a guest${seen ? ` of ${seen}` : ""}`;
  }
  const known =
    /QEMU|KVM|Firecracker|Cloud Hypervisor|Xen|VMware|VirtualBox|Virtual Machine|Google|Amazon EC2/i;
  if (known.test(seen)) return `a guest of ${seen}`;
  throw new Error(
    `nothing tells of a hypervisor${seen === "" ? "" : `: ${seen}`}`,
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
