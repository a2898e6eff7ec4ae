import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { findHypervisor } from "../../src/doctor/hypervisor.ts";
import { findReporting } from "../../src/doctor/machine.ts";

const base = mkdtempSync(join(tmpdir(), "lull-doctor-"));
after(() => rmSync(base, { recursive: true }));

/** A directory with these files in it. */
function files(name: string, contents: Record<string, string>): string {
  const root = join(base, name);
  mkdirSync(root);
  for (const [path, text] of Object.entries(contents)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

test("the hypervisor is guessed from names and the CPU's flag", () => {
  const dmi = "sys/class/dmi/id";
  const qemu = files("qemu", {
    [`${dmi}/sys_vendor`]: "QEMU\n",
    [`${dmi}/product_name`]: "Standard PC\n",
    "proc/cpuinfo": "flags\t\t: fpu hypervisor lm\n",
  });
  assert.equal(
    findHypervisor(qemu),
    "the CPU reports a hypervisor: QEMU Standard PC",
  );
  const arm = files("arm", { [`${dmi}/sys_vendor`]: "QEMU" });
  assert.equal(findHypervisor(arm), "the firmware names a hypervisor: QEMU");
  const host = files("host", {
    [`${dmi}/sys_vendor`]: "Maker",
    "proc/cpuinfo": "flags\t\t: fpu lm\n",
  });
  assert.throws(
    () => findHypervisor(host),
    /there is no sign of a hypervisor: Maker$/,
  );
});

test("on arm64, the device tree or the kernel log tells the hypervisor", () => {
  const tree = "proc/device-tree";
  const xen = files("xen", {
    [`${tree}/hypervisor/compatible`]: "xen,xen-4.17\0xen,xen\0",
    [`${tree}/compatible`]: "xen,xenvm\0",
  });
  assert.equal(
    findHypervisor(xen),
    "the device tree names a hypervisor: xen,xen-4.17 xen,xen",
  );
  const firecracker = files("dummy-virt", {
    [`${tree}/compatible`]: "linux,dummy-virt\0",
  });
  assert.equal(
    findHypervisor(firecracker),
    "the device tree is of a virtual machine: linux,dummy-virt",
  );
  const emulated = files("fw-cfg", {
    [`${tree}/compatible`]: "arm,some-board\0",
    [`${tree}/fw-cfg@9020000/compatible`]: "qemu,fw-cfg-mmio\0",
  });
  assert.match(findHypervisor(emulated), /: arm,some-board QEMU$/);
  // With ACPI there is no device tree; the kernel asks the firmware (SMCCC).
  const words = "smccc: KVM: hypervisor services detected (0x0 0x0 0x0 0x3)";
  const acpi = files("acpi", { "dev/kmsg": `6,90,0,-;${words}\n` });
  assert.match(findHypervisor(acpi), /hypervisor: KVM \(SMCCC\)$/);
  for (const record of [`14,90,0,-;${words}`, "6,1,0,-;psci: PSCIv1.1"]) {
    const board = files(`board-${record.slice(0, 4)}`, {
      "dev/kmsg": `${record}\n`,
      [`${tree}/compatible`]: "raspberrypi,4-model-b\0",
    });
    assert.throws(
      () => findHypervisor(board),
      /there is no sign of a hypervisor$/,
    );
  }
});

test("a balloon reports where its sixth feature is set", () => {
  const kernel = files("module", { parameters: "" });
  const balloon = (features: string) =>
    files(`balloon-${features}`, { "virtio3/features": features, bind: "" });
  assert.match(findReporting(balloon("000001"), kernel), /^virtio3 /);
  assert.throws(
    () => findReporting(balloon("111110"), kernel),
    /does not report free pages$/,
  );
  assert.throws(
    () => findReporting(join(base, "none"), kernel),
    /no virtio balloon$/,
  );
  assert.throws(
    () => findReporting(balloon("1"), join(base, "none")),
    /no page reporting$/,
  );
});
