/**
 * Options: which ports of the guest are forwarded, and how.
 * @module
 */
import * as v from "valibot";
import { PORT_RANGE, PORT_RANGES_FORM } from "../../util/port_ranges.ts";
import {
  FORWARD_ADDRESS_FORM,
  isForwardAddress,
  UNIX_PORT,
  UNIX_PORT_FORM,
} from "../address.ts";
import { boolean, integer, listOf, listOrOne, option } from "../option.ts";

const portRanges = listOf(
  v.pipe(v.string(), v.regex(PORT_RANGE)),
  PORT_RANGES_FORM,
);

/** These options, each with its kind, its default and its description. */
export const portOptions = {
  scanIntervalMs: option(
    integer(100, 60_000),
    1000,
    "Milliseconds between two scans for ports that the kernel does not report.",
  ),
  forwardAddress: option(
    listOrOne(isForwardAddress, FORWARD_ADDRESS_FORM),
    ["169.254.0.21"],
    "Addresses on which ports of the loopback interface are made available.",
  ),
  forwardPorts: option(
    boolean(),
    true,
    "Forward ports that listen on the loopback interface.",
  ),
  forwardInclude: option(
    portRanges,
    [],
    "Ports that may be forwarded; all ports if none is given.",
  ),
  forwardExclude: option(
    portRanges,
    [],
    "Ports that are never forwarded.",
  ),
  forwardAlways: option(
    portRanges,
    [],
    "Ports to forward even if no program listens on them (containers).",
  ),
  forwardUdp: option(
    boolean(),
    false,
    "Forward UDP ports of the loopback interface, too.",
  ),
  forwardUnix: option(
    listOf(v.pipe(v.string(), v.regex(UNIX_PORT)), UNIX_PORT_FORM),
    [],
    "Unix sockets to forward, each from a port of the forward addresses.",
  ),
  forwardProxyProtocol: option(
    portRanges,
    [],
    "Ports whose servers expect the PROXY protocol, version 2, and get it.",
  ),
  forwardMaxConnections: option(
    integer(1, 1_000_000),
    1024,
    "Forwarded connections that each port may have at the same time.",
  ),
};
