/**
 * The network interfaces of the guest, with their addresses and counters.
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { resultUnless } from "../../util/errors.ts";

const CLASS = "/sys/class/net";

/** The counters in a reply; their names in sysfs have other words for errors. */
const COUNTERS = [
  ...["rx-bytes", "rx-packets", "rx-errs", "rx-dropped"],
  ...["tx-bytes", "tx-packets", "tx-errs", "tx-dropped"],
] as const;

/** All interfaces that the kernel lists, in the order of their numbers. */
export function interfaces(): unknown[] {
  const addresses = networkInterfaces();
  return readdirSync(CLASS)
    .filter((name) => read(name, "ifindex") !== undefined)
    .sort((a, b) => Number(read(a, "ifindex")) - Number(read(b, "ifindex")))
    .map((name) => {
      const mac = read(name, "address");
      const own = addresses[name] ?? [];
      return {
        name,
        ...mac && { "hardware-address": mac },
        ...own.length > 0 && {
          "ip-addresses": own.map(({ address, family, cidr, netmask }) => ({
            "ip-address": address,
            "ip-address-type": `${family}`.endsWith("6") ? "ipv6" : "ipv4",
            prefix: cidr ? Number(cidr.split("/")[1]) : prefixOf(netmask),
          })),
        },
        ...statistics(name),
      };
    });
}

function statistics(name: string): { statistics?: Record<string, number> } {
  const counters: Record<string, number> = {};
  for (const counter of COUNTERS) {
    const file = counter.replace("-", "_").replace("errs", "errors");
    const text = read(name, `statistics/${file}`);
    if (text === undefined) return {};
    counters[counter] = Number(text);
  }
  return { statistics: counters };
}

/** The number of ones in an IPv4 mask, for a runtime that does not give the prefix. */
function prefixOf(netmask: string): number {
  return netmask.split(".")
    .map((part) => Number(part).toString(2).replaceAll("0", "").length)
    .reduce((sum, ones) => sum + ones, 0);
}

/** A file of the interface; undefined if the interface is gone or has no such file. */
function read(name: string, file: string): string | undefined {
  return resultUnless(
    ["ENOENT", "ENOTDIR", "EINVAL"],
    () => readFileSync(`${CLASS}/${name}/${file}`, "utf8").trim(),
  );
}
