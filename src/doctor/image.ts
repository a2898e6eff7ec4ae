/**
 * Checks of the image: directories, hooks, addresses.
 * @module
 */
import { existsSync, readdirSync } from "node:fs";
import { nodeNet } from "../util/lazy_builtins.ts";
import { dirname, join } from "node:path";
import { errorText } from "../util/errors.ts";
import type { Config } from "../config/mod.ts";
import { HookRegistry } from "../hooks/registry.ts";
import { findScripts } from "../hooks/scripts.ts";
import { randomId } from "../linux/random.ts";
import { always, type Check } from "./check.ts";
import { requireDirectory } from "./privileges.ts";

/** What the image has for Lull. */
export const imageChecks: readonly Check[] = [
  {
    name: "runtime-directory",
    needed: always,
    look({ config }) {
      requireDirectory(config.runtimeDirectory);
      return `${config.runtimeDirectory} can be written`;
    },
    skipped: "the generation file, and the repair after a crash",
    remedy:
      "a tmpfs at /run that the agent may write, or --runtime-directory=DIR",
  },
  {
    name: "hooks",
    needed: always,
    look: ({ config }) => findHooks(config),
    skipped: "the whole prepare, which fails with its hooks",
    remedy: "directories that the agent may read, and right entries in hooks",
  },
  {
    name: "hooks-socket",
    needed: (config) => config.hooksSocket !== "",
    look({ config: { hooksSocket } }) {
      if (hooksSocket === "") return "turned off";
      requireDirectory(dirname(hooksSocket));
      return `${hooksSocket} can be made`;
    },
    skipped: "programs that register for calls by themselves",
    remedy: "--hooks-socket=PATH where the agent may write; with nothing, off",
  },
  {
    name: "forward-address",
    needed: (config) => config.forwardPorts,
    async look({ config: { forwardAddress } }) {
      await listenBriefly(forwardAddress);
      return `${forwardAddress} is this machine's`;
    },
    skipped: "forwarding of the ports on loopback",
    remedy:
      "give it to an interface (ip address add 169.254.0.21/32 dev eth0), name another with --forward-address, or --no-forward-ports",
  },
];

/** Which scripts and programs would be called, and which files would not. */
function findHooks(config: Config): string {
  const { hookDirectories, hookLimitMs } = config;
  const scripts = findScripts({
    directories: hookDirectories,
    limitMs: hookLimitMs,
  });
  const programs = new HookRegistry({
    limitMs: hookLimitMs,
    fixed: config.hooks,
    newId: randomId,
  }).list();
  const ran = [
    ...scripts.map(({ at }) => at!),
    ...programs.map(({ name }) => name),
  ];
  const ignored = hookDirectories.filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
    .filter((path) => !ran.includes(path)).sort();
  const called = ran.length === 0 ? "none" : ran.join(", ");
  return ignored.length === 0
    ? `${called} would be called`
    : `${called} would be called; not called: ${ignored.join(", ")}`;
}

/** Rejects where nobody can listen on the address. */
function listenBriefly(host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = nodeNet().createServer();
    server.once("error", (error: Error) => {
      const why = errorText(error);
      reject(new Error(`${host} is no address of this machine: ${why}`));
    });
    server.listen(0, host, () => server.close(() => resolve()));
  });
}
