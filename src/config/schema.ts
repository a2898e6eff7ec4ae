/**
 * The options of Lull. A new option is one entry here: its flag, its variable, its
 * key in the config file, its check and its help are derived from that entry.
 * @module
 */
import * as v from "valibot";
import { PORT_RANGE, PORT_RANGES_FORM } from "../util/port_ranges.ts";
import {
  FORWARD_ADDRESS_FORM,
  isForwardAddress,
  LISTEN_FORM,
  parseListen,
  UNIX_PORT,
  UNIX_PORT_FORM,
} from "./address.ts";
import { DIALECT_FORM, parseDialect } from "./dialects.ts";
import {
  boolean,
  integer,
  listOf,
  listOrOne,
  objects,
  oneOf,
  oneOfCapitals,
  option,
  text,
} from "./option.ts";

const path = text(/^\/[^\0]*$/, "an absolute path");
const pathOrEmpty = text(
  /^(\/[^\0]*)?$/,
  "an absolute path or an empty value",
);
const name = text(/^[^\0]+$/, "a name");
const portRanges = listOf(
  v.pipe(v.string(), v.regex(PORT_RANGE)),
  PORT_RANGES_FORM,
);

/** All options, each with its kind, its default and its description. */
export const configSchema = v.strictObject({
  host: option(
    text(/^[^\s/]+$/, "an address or a host name"),
    "0.0.0.0",
    "Address to listen on.",
  ),
  port: option(
    integer(0, 65535),
    49983,
    "Port to listen on; 0 means a free port that the kernel chooses.",
  ),
  listen: option(
    listOf(
      v.pipe(v.string(), v.check((at) => parseListen(at) !== undefined)),
      LISTEN_FORM,
    ),
    [],
    "Addresses to listen on. If any are given, host and port are ignored.",
  ),
  dialects: option(
    listOf(
      v.pipe(v.string(), v.check((text) => parseDialect(text) !== undefined)),
      DIALECT_FORM,
    ),
    [],
    "Dialects of other hosts; NAME@ADDRESS has a listener of its own.",
  ),
  qemuGa: option(
    path,
    "/dev/virtio-ports/org.qemu.guest_agent.0",
    "Port of the dialect qemu-ga; the agent opens it as soon as it is there.",
  ),
  e2bMetadata: option(
    text(/^(http:\/\/\S+)?$/, "an http: URL or an empty value"),
    "http://169.254.169.254",
    "Metadata service with the hash of E2B's token; empty: there is none.",
  ),
  guestCalls: option(
    oneOf(["refuse", "allow"]),
    "refuse",
    "Policy for POST requests from processes inside the guest.",
  ),
  tokenFile: option(
    pathOrEmpty,
    "",
    "File with the token that all requests except health checks need.",
  ),
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
  lease: option(
    integer(1, 86_400),
    600,
    "Seconds from the start of a prepare until Lull recovers on its own.",
  ),
  snapshotKind: option(
    oneOf(["full", "diff", "disk"]),
    "full",
    "Kind of snapshot that a prepare is for if the prepare does not name one.",
  ),
  healthRecovers: option(
    oneOf(["always", "restored", "never"]),
    "always",
    "When a health check recovers: always, after evidence of a pause, or never.",
  ),
  hookDirectories: option(
    listOf(path, "absolute paths"),
    ["/etc/lull/hooks.d"],
    "Directories of hook scripts, called before and after the freeze.",
  ),
  hookLimitMs: option(
    integer(1, 600_000),
    5000,
    "Time limit of one hook, in milliseconds.",
  ),
  hooksLimitMs: option(
    integer(1, 600_000),
    15_000,
    "Time limit of all hooks together, in milliseconds.",
  ),
  hookContinue: option(
    listOf(name, "names or paths of scripts"),
    [],
    "Hook scripts whose failure does not fail the prepare.",
  ),
  hooksSocket: option(
    pathOrEmpty,
    "/run/lull/hooks.sock",
    "Unix socket where programs register as hooks; empty disables it.",
  ),
  hooks: option(
    objects("objects with name, url, and optionally limitMs and policy"),
    [],
    "Programs that get a request before and after the freeze.",
  ),
  workloadCgroup: option(
    listOf(name, "cgroups, by name or path"),
    [],
    "Cgroups that are frozen while quiesced; all: every one but the agent's.",
  ),
  workloadExcept: option(
    listOf(name, "cgroups, by name or path"),
    [],
    "Cgroups that workload-cgroup=all leaves running, beside system daemons.",
  ),
  workloadLimitMs: option(
    integer(1, 600_000),
    2000,
    "Time limit of freezing those cgroups, in milliseconds.",
  ),
  freezeMounts: option(
    listOf(path, "absolute paths"),
    [],
    "Mount points of filesystems that are frozen while quiesced.",
  ),
  freezeAllMounts: option(
    boolean(),
    true,
    "For kind disk, freeze all writable filesystems on disks if none is named.",
  ),
  freezeHoldMs: option(
    integer(1, 600_000),
    10_000,
    "Milliseconds after which filesystems thaw that Lull's own API froze.",
  ),
  freezeForce: option(
    boolean(),
    false,
    "Freeze filesystems even if the agent itself may need them.",
  ),
  mailbox: option(
    text(/^(\/[^\0]*|mmds)?$/, "an absolute path, mmds, or an empty value"),
    "",
    "File, device or metadata service whose content appears with a restore.",
  ),
  clockToleranceMs: option(
    integer(0, 3_600_000),
    50,
    "Minimum error of the wall clock, in milliseconds, that Lull corrects.",
  ),
  resetConnections: option(
    boolean(),
    true,
    "Reset the workload's connections to other machines after a restore.",
  ),
  dropCaches: option(
    oneOf(["off", "pagecache", "all"]),
    "pagecache",
    "Caches of the kernel that a prepare drops.",
  ),
  compactMemory: option(
    boolean(),
    false,
    "Let the kernel compact memory during a prepare.",
  ),
  zeroMemoryMib: option(
    integer(0, 2 ** 20),
    512,
    "Maximum of free memory that a settle zeroes, in MiB.",
  ),
  pageOut: option(
    oneOf(["never", "start", "unneeded", "settle"]),
    "unneeded",
    "When the agent pages out its program, and which part of it.",
  ),
  publishWorkingSet: option(
    boolean(),
    false,
    "Report to the host, after the settle, which memory a recovery needs.",
  ),
  logLevel: option(
    oneOfCapitals(["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]),
    "INFO",
    "Minimum log level.",
  ),
  logFormat: option(
    oneOf(["json", "text"]),
    "json",
    "Format of log lines.",
  ),
  runtimeDirectory: option(
    path,
    "/run/lull",
    "Directory of files that outlive the agent, but not the machine.",
  ),
  bodyLimitBytes: option(
    integer(1, 2 ** 30),
    65_536,
    "Maximum size of a request's body, in bytes.",
  ),
  headerTimeoutMs: option(
    integer(1, 3_600_000),
    10_000,
    "Time limit of sending a request's headers, in milliseconds.",
  ),
  idleTimeoutMs: option(
    integer(1, 3_600_000),
    60_000,
    "Milliseconds after which an idle connection is closed.",
  ),
  maxConnections: option(
    integer(1, 1_000_000),
    1024,
    "Maximum of open connections; at most half of the open-files limit.",
  ),
  maxRequestsPerConnection: option(
    integer(1, 1_000_000_000),
    10_000,
    "Requests after which a connection is closed.",
  ),
});

/** The configuration, in which each option has a value. */
export type Config = Readonly<v.InferOutput<typeof configSchema>>;
