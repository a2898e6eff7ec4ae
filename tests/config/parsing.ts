/**
 * Parsing a command line, an environment and files that do not exist, for the
 * tests of the configuration.
 * @module
 */
import assert from "node:assert/strict";
import { type Config, ConfigError, parseConfig } from "../../src/config/mod.ts";

/** A readFile over files that do not exist on disk. */
export function files(contents: Record<string, string> = {}) {
  return (path: string) => {
    if (Object.hasOwn(contents, path)) return contents[path];
    const error = new Error(
      `ENOENT: no such file or directory, open '${path}'`,
    );
    throw Object.assign(error, { code: "ENOENT" });
  };
}

export const defaultFile = "/etc/lull/config.json";

/** The configuration that this command line must end in. */
export function serve(
  args: string[],
  env: Record<string, string | undefined> = {},
  readFile = files(),
): Config {
  const parsed = parseConfig(args, env, readFile);
  assert.equal(parsed.kind, "serve");
  return (parsed as Extract<typeof parsed, { kind: "serve" }>).config;
}

/** The message of the ConfigError that this command line must end in. */
export function refused(
  args: string[],
  env: Record<string, string | undefined> = {},
  readFile = files(),
): string {
  try {
    parseConfig(args, env, readFile);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  assert.fail(`${JSON.stringify(args)} was accepted`);
}

/** What every option is where nothing is given. */
export const defaults = {
  host: "0.0.0.0",
  port: 49983,
  dialects: [],
  qemuGa: "/dev/virtio-ports/org.qemu.guest_agent.0",
  e2bMetadata: "http://169.254.169.254",
  scanIntervalMs: 1000,
  forwardAddress: ["169.254.0.21"],
  forwardInclude: [],
  forwardExclude: [],
  forwardUdp: false,
  forwardUnix: [],
  forwardProxyProtocol: [],
  forwardAlways: [],
  forwardMaxConnections: 1024,
  forwardPorts: true,
  lease: 600,
  healthRecovers: "always",
  logLevel: "INFO",
  logFormat: "json",
  runtimeDirectory: "/run/lull",
  bodyLimitBytes: 65536,
  headerTimeoutMs: 10000,
  idleTimeoutMs: 60000,
  listen: [],
  guestCalls: "refuse",
  tokenFile: "",
  hookDirectories: ["/etc/lull/hooks.d"],
  hookLimitMs: 5000,
  hooksLimitMs: 15000,
  hookContinue: [],
  hooksSocket: "/run/lull/hooks.sock",
  hooks: [],
  workloadCgroup: [],
  workloadExcept: [],
  workloadLimitMs: 2000,
  freezeMounts: [],
  freezeHoldMs: 10000,
  freezeForce: false,
  freezeAllMounts: true,
  snapshotKind: "full",
  publishWorkingSet: false,
  mailbox: "",
  clockToleranceMs: 50,
  resetConnections: true,
  dropCaches: "pagecache",
  compactMemory: false,
  zeroMemoryMib: 512,
  pageOut: "unneeded",
  maxConnections: 1024,
  maxRequestsPerConnection: 10000,
} as const;
