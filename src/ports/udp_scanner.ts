/**
 * Finds the UDP servers that a caller outside of the guest can only reach if they are forwarded.
 * @module
 */
import { readFileSync } from "node:fs";
import { isLoopback } from "../linux/ip.ts";
import { serverSockets } from "../linux/socket_table.ts";
import type { RuleSet } from "./rules.ts";
import type { ScannerOptions, Targets } from "./scanner.ts";

/** The range of the ports that the kernel gives to sockets that ask for any port, ip(7). */
const LOCAL_PORTS = "/proc/sys/net/ipv4/ip_local_port_range";
/** Its default. */
const DEFAULT_RANGE = [32_768, 60_999] as const;

/**
 * The UDP sockets that are bound to a loopback address and have no peer, IPv4 first. A socket whose
 * port is of the kernel's choice is probably that of a client: it counts only if the rules name its
 * port.
 */
export function findUdpServers(
  options: Pick<ScannerOptions, "forwardAddresses">,
  rules: Pick<RuleSet, "names">,
): Targets {
  const [first, last] = localPorts();
  const ports = new Map<number, string[]>();
  for (const { address, port } of serverSockets("udp")) {
    if (!isLoopback(address)) continue;
    if (options.forwardAddresses.includes(address)) continue;
    const isChosen = first <= port && port <= last;
    if (isChosen && !rules.names(port)) continue;
    const targets = ports.get(port);
    if (targets === undefined) ports.set(port, [address]);
    else if (!targets.includes(address)) targets.push(address);
  }
  for (const targets of ports.values()) targets.sort();
  return ports;
}

function localPorts(): readonly [number, number] {
  try {
    const [first, last] = readFileSync(LOCAL_PORTS, "latin1")
      .trim().split(/\s+/).map(Number);
    if (first > 0 && last >= first) return [first, last];
  } catch { /* there is no /proc/sys */ }
  return DEFAULT_RANGE;
}
