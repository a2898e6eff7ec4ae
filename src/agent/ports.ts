/**
 * Makes the port subsystem from the configuration. Loaded only if ports are forwarded.
 * @module
 */
import type { Config } from "../config/mod.ts";
import { canonicalIp } from "../linux/ip.ts";
import { logOf } from "../log/mod.ts";
import { PortSubsystem } from "../ports/subsystem.ts";
import type { PortSubsystemOptions } from "../ports/subsystem_options.ts";
import { contains, parsePortRange } from "../util/port_ranges.ts";

/** The parts of the agent that the port subsystem uses. */
export type PortParts = Pick<
  PortSubsystemOptions,
  "queue" | "timers" | "ownPorts" | "runtime" | "libc" | "workerUrl"
>;

/** Makes the port subsystem; it does not scan yet. */
export function createPorts(config: Config, parts: PortParts): PortSubsystem {
  return new PortSubsystem({
    ...parts,
    ...portOptions(config),
    log: logOf("ports"),
  });
}

/** The options that follow from the configuration. */
function portOptions(config: Config): Pick<
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
