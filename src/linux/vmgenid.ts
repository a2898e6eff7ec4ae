/**
 * The VMGenID device, by which a hypervisor tells a guest that it is a fork.
 * @module
 */
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { resultUnless } from "../util/errors.ts";

/** The directories of the driver: the first one since Linux 6.10, the second one before. */
const DRIVERS = [
  "/sys/bus/platform/drivers/vmgenid",
  "/sys/bus/acpi/drivers/vmgenid",
];

/** Whether a driver of the kernel uses a VMGenID device. */
export function hasGenerationId(drivers: readonly string[] = DRIVERS): boolean {
  return drivers.some((driver) => entriesOf(driver).some(isDevice));
}

/** Whether the path is a link to a device: the directory also has files and a link `module`. */
function isDevice(path: string): boolean {
  const target = resultUnless(["EINVAL"], () => readlinkSync(path));
  return target?.includes("/devices/") ?? false;
}

function entriesOf(directory: string): string[] {
  const names = resultUnless(["ENOENT"], () => readdirSync(directory)) ?? [];
  return names.map((name) => join(directory, name));
}
