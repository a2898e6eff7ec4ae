/**
 * What Lull can be told: a new option is one entry here. Its flag, its variable,
 * its key in the file, its check and its help all follow from that entry.
 * @module
 */
import * as v from "valibot";
import { LISTEN_FORM, parseListen } from "./address.ts";
import {
  boolean,
  integer,
  ipv4,
  listOf,
  objects,
  oneOf,
  oneOfCapitals,
  option,
  text,
} from "./option.ts";

const path = text(/^\/[^\0]*$/, "an absolute path");
const pathOrNothing = text(/^(\/[^\0]*)?$/, "an absolute path, or nothing");
const name = text(/^[^\0]+$/, "a name");

/** Every option: kind, default, sentence. */
export const configSchema = v.strictObject({
  host: option(
    text(/^[^\s/]+$/, "an address or a host name"),
    "0.0.0.0",
    "The address to listen on.",
  ),
  port: option(
    integer(0, 65535),
    49983,
    "The port to listen on; 0 takes a free one.",
  ),
  listen: option(
    listOf(
      v.pipe(v.string(), v.check((at) => parseListen(at) !== undefined)),
      LISTEN_FORM,
    ),
    [],
    "Where to listen, in place of host and port, if anything is named here.",
  ),
  guestCalls: option(
    oneOf(["refuse", "allow"]),
    "refuse",
    "What becomes of POST requests from inside the guest.",
  ),
  tokenFile: option(
    pathOrNothing,
    "",
    "The file with the token that all requests need but health checks.",
  ),
  scanIntervalMs: option(
    integer(100, 60_000),
    1000,
    "Milliseconds between two looks for listening ports.",
  ),
  forwardAddress: option(
    ipv4(),
    "169.254.0.21",
    "The address that ports on loopback are forwarded from.",
  ),
  forwardPorts: option(
    boolean(),
    true,
    "Whether ports on loopback are forwarded at all.",
  ),
  lease: option(
    integer(1, 86_400),
    600,
    "Seconds that a guest may stay quiesced before Lull recovers on its own.",
  ),
  healthRecovers: option(
    oneOf(["always", "restored", "never"]),
    "always",
    "When a health check recovers: always, with evidence of a pause, or never.",
  ),
  hookDirectories: option(
    listOf(path, "absolute paths"),
    ["/etc/lull/hooks.d"],
    "The directories of scripts to call before the freeze and after it.",
  ),
  hookLimitMs: option(
    integer(1, 600_000),
    5000,
    "Milliseconds that one hook may take.",
  ),
  hooksLimitMs: option(
    integer(1, 600_000),
    15_000,
    "Milliseconds that all hooks together may take.",
  ),
  hookContinue: option(
    listOf(name, "names or paths of scripts"),
    [],
    "The scripts that may fail without making the prepare fail.",
  ),
  hooksSocket: option(
    pathOrNothing,
    "/run/lull/hooks.sock",
    "The socket where programs register for calls; nothing turns it off.",
  ),
  hooks: option(
    objects("objects with name, url, and if need be limitMs and policy"),
    [],
    "The programs that get a request before the freeze and after it.",
  ),
  workloadCgroup: option(
    listOf(name, "cgroups, by name or path"),
    [],
    "The cgroups that stand still from the prepare to the recovery.",
  ),
  workloadLimitMs: option(
    integer(1, 600_000),
    2000,
    "Milliseconds until the kernel must have frozen those cgroups.",
  ),
  freezeMounts: option(
    listOf(path, "absolute paths"),
    [],
    "The mount points whose filesystems take no writes while quiesced.",
  ),
  freezeHoldMs: option(
    integer(1, 600_000),
    10_000,
    "Milliseconds after which frozen filesystems thaw by themselves.",
  ),
  freezeForce: option(
    boolean(),
    false,
    "Whether to freeze filesystems that the agent itself may need, too.",
  ),
  clockToleranceMs: option(
    integer(0, 3_600_000),
    50,
    "Milliseconds that the wall clock may be off before it is set.",
  ),
  resetConnections: option(
    boolean(),
    true,
    "Whether a restore resets the workload's connections to other machines.",
  ),
  dropCaches: option(
    oneOf(["off", "pagecache", "all"]),
    "pagecache",
    "Which of the kernel's caches a prepare empties.",
  ),
  compactMemory: option(
    boolean(),
    false,
    "Whether a prepare has the kernel compact the memory.",
  ),
  zeroMemoryMib: option(
    integer(0, 2 ** 20),
    512,
    "MiB of freed memory that a settle makes zeros, at most.",
  ),
  pageOut: option(
    oneOf(["never", "start", "unneeded", "settle"]),
    "unneeded",
    "Which part of the agent's program leaves the memory, and when.",
  ),
  logLevel: option(
    oneOfCapitals(["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]),
    "INFO",
    "The least serious messages that are logged.",
  ),
  logFormat: option(
    oneOf(["json", "text"]),
    "json",
    "How log lines are written: for programs, or for people.",
  ),
  runtimeDirectory: option(
    path,
    "/run/lull",
    "The directory for what must outlive the agent, but not the machine.",
  ),
  bodyLimitBytes: option(
    integer(1, 2 ** 30),
    65_536,
    "Bytes that the body of a request may have.",
  ),
  headerTimeoutMs: option(
    integer(1, 3_600_000),
    10_000,
    "Milliseconds that a client may take to send the head of a request.",
  ),
  idleTimeoutMs: option(
    integer(1, 3_600_000),
    60_000,
    "Milliseconds that a connection may stay idle.",
  ),
  maxConnections: option(
    integer(1, 1_000_000),
    1024,
    "Connections at once; at most half of the files that may be open.",
  ),
  maxRequestsPerConnection: option(
    integer(1, 1_000_000_000),
    10_000,
    "Requests on one connection, after which it is closed.",
  ),
});

/** What Lull was told, defaults filled in. */
export type Config = Readonly<v.InferOutput<typeof configSchema>>;
