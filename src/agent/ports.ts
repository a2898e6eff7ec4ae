/**
 * The part of the configuration that says which ports are forwarded, and how.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { canonicalIp } from "../linux/ip.ts";
import type { PortSubsystemOptions } from "../ports/subsystem_options.ts";
import { contains, parsePortRange } from "../util/port_ranges.ts";

/** Makes the options of the port subsystem that follow from the configuration. */
export function portOptions(config: Config): Pick<
  PortSubsystemOptions,
  | "always"
  | "forwardAddresses"
  | "forwardUdp"
  | "forwardUnix"
  | "maxConnections"
  | "proxyProtocol"
  | "rules"
  | "scanIntervalMs"
> {
  const always = config.forwardAlways.map(parsePortRange);
  const proxied = config.forwardProxyProtocol.map(parsePortRange);
  return {
    always,
    forwardAddresses: [...new Set(config.forwardAddress.map(canonicalIp))],
    forwardUdp: config.forwardUdp,
    forwardUnix: config.forwardUnix,
    maxConnections: config.forwardMaxConnections,
    proxyProtocol: (port) => contains(proxied, port),
    rules: { include: config.forwardInclude, exclude: config.forwardExclude },
    scanIntervalMs: config.scanIntervalMs,
  };
}
