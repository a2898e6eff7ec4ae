import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";
import { findReporting, guessHypervisor } from "../../src/doctor/machine.ts";

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
    guessHypervisor(qemu),
    "the CPU reports a hypervisor: QEMU Standard PC",
  );
  const arm = files("arm", { [`${dmi}/sys_vendor`]: "QEMU" });
  assert.equal(guessHypervisor(arm), "the firmware names a hypervisor: QEMU");
  const host = files("host", {
    [`${dmi}/sys_vendor`]: "Maker",
    "proc/cpuinfo": "flags\t\t: fpu lm\n",
  });
  assert.throws(
    () => guessHypervisor(host),
    /there is no sign of a hypervisor: Maker$/,
  );
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
