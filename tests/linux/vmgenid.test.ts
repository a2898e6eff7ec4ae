import { describe, it } from "node:test";
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hardwareClock } from "../../src/linux/machine_clock.ts";
import { hasGenerationId } from "../../src/linux/vmgenid.ts";

describe("the VMGenID device", () => {
  it("is there where the driver has one", () => {
    const root = mkdtempSync(join(tmpdir(), "lull-vmgenid-"));
    const driver = join(root, "vmgenid");
    try {
      assert.equal(hasGenerationId([driver]), false);
      mkdirSync(driver);
      writeFileSync(join(driver, "bind"), "");
      symlinkSync("../../../../module/vmgenid", join(driver, "module"));
      assert.equal(hasGenerationId([driver]), false);
      symlinkSync(
        "../../../../devices/platform/QEMUVGID:00",
        join(driver, "QEMUVGID:00"),
      );
      assert.equal(hasGenerationId([join(root, "other"), driver]), true);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});

describe("the hardware clock", () => {
  it("is what sysfs says, in milliseconds", () => {
    const directory = mkdtempSync(join(tmpdir(), "lull-rtc-"));
    const path = join(directory, "since_epoch");
    try {
      assert.equal(hardwareClock(path).read(), undefined);
      writeFileSync(path, "1700000000\n");
      assert.equal(hardwareClock(path).read(), 1_700_000_000_000);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
