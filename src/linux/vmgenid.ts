/**
 * The device by which a hypervisor tells a guest that it is a fork.
 * @module
 */
import { readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../util/errors.ts";

/** Where its driver is: since Linux 6.10 the first, before it the second. */
const DRIVERS = [
  "/sys/bus/platform/drivers/vmgenid",
  "/sys/bus/acpi/drivers/vmgenid",
];

/** Whether a driver of the kernel has a VMGenID device in its hands. */
export function hasGenerationId(drivers: readonly string[] = DRIVERS): boolean {
  return drivers.some((driver) => entriesOf(driver).some(isDevice));
}

/** Links beside the driver's own files are its devices, but for `module`. */
function isDevice(path: string): boolean {
  try {
    return readlinkSync(path).includes("/devices/");
  } catch (error) {
    if (hasCode(error, "EINVAL")) return false; // a file
    throw error;
  }
}

function entriesOf(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}
