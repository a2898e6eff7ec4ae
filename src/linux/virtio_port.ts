/**
 * Finds the device of a virtio port by its name. udev makes the link in /dev/virtio-ports; a guest
 * without udev has only the device.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { resultUnless } from "../util/errors.ts";

const LINKS = "/dev/virtio-ports";
const CLASS = "/sys/class/virtio-ports";

/** Returns the path to open: the path itself, or the device that its link would lead to. */
export function portDevice(path: string, ports = CLASS): string {
  if (dirname(path) !== LINKS || existsSync(path)) return path;
  const names = resultUnless(["ENOENT"], () => readdirSync(ports)) ?? [];
  const device = names.find((name) =>
    resultUnless(
      ["ENOENT"],
      () => readFileSync(join(ports, name, "name"), "utf8").trim(),
    ) === basename(path)
  );
  return device === undefined ? path : join("/dev", device);
}
