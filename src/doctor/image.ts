/**
 * Checks of the guest's image: directories, hooks, addresses.
 * @module
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { nodeNet } from "../util/lazy_builtins.ts";
import { dirname, join } from "node:path";
import { errorText } from "../util/errors.ts";
import type { Config } from "../config/mod.ts";
import { HookRegistry } from "../hooks/registry.ts";
import { findScripts } from "../hooks/scripts.ts";
import { randomId } from "../linux/random.ts";
import { always, type Check } from "./check.ts";
import { requireDirectory } from "./privileges.ts";

/** The checks of the image. */
export const imageChecks: readonly Check[] = [
  {
    name: "runtime-directory",
    needed: always,
    look({ config }) {
      requireDirectory(config.runtimeDirectory);
      return `${config.runtimeDirectory} is writable`;
    },
    skipped: "the generation file and the undo after a crash of the agent",
    remedy:
      "mount a tmpfs at /run that the agent can write, or use --runtime-directory=DIR",
  },
  {
    name: "token",
    needed: ({ tokenFile }) => tokenFile !== "",
    look({ config: { tokenFile } }) {
      if (tokenFile === "") return "none is configured";
      const text = readFileSync(tokenFile, "latin1").trim();
      if (text === "") throw new Error(`${tokenFile} is empty`);
      return `${tokenFile} has a token`;
    },
    skipped: "all calls that need the token, because they are refused",
    remedy:
      "write the token to the file that --token-file names, readable for the agent only",
  },
  {
    name: "hooks",
    needed: always,
    look: ({ config }) => findHooks(config),
    skipped: "every prepare, because a prepare fails if its hooks cannot run",
    remedy:
      "make the hook directories readable for the agent, and correct the entries of hooks in the config file",
  },
  {
    name: "hooks-socket",
    needed: (config) => config.hooksSocket !== "",
    look({ config: { hooksSocket } }) {
      if (hooksSocket === "") return "disabled";
      requireDirectory(dirname(hooksSocket));
      return `${hooksSocket} can be created`;
    },
    skipped: "hooks of programs that register themselves",
    remedy:
      "use --hooks-socket=PATH in a directory that the agent can write, or --hooks-socket= to disable the socket",
  },
  {
    name: "forward-address",
    needed: (config) => config.forwardPorts,
    async look({ config: { forwardAddress } }) {
      for (const address of forwardAddress) await listenBriefly(address);
      const which = forwardAddress.length === 1
        ? "is an address"
        : "are addresses";
      return `${forwardAddress.join(", ")} ${which} of this machine`;
    },
    skipped: "forwarding of ports on the loopback interface",
    remedy:
      "add the address to an interface (ip address add 169.254.0.21/32 dev eth0), use another one with --forward-address, or use --no-forward-ports",
  },
];

/** Describes which scripts and programs a prepare calls, and which files it ignores. */
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
  const hooks = [
    ...scripts.map(({ at }) => at!),
    ...programs.map(({ name }) => name),
  ];
  const ignored = hookDirectories.filter((path) => existsSync(path))
    .flatMap((path) => readdirSync(path).map((name) => join(path, name)))
    .filter((path) => !hooks.includes(path)).sort();
  const called = `called: ${hooks.length === 0 ? "none" : hooks.join(", ")}`;
  return ignored.length === 0
    ? called
    : `${called}; ignored: ${ignored.join(", ")}`;
}

/** Listens on a port of the address and closes it; rejects if that fails. */
function listenBriefly(host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = nodeNet().createServer();
    server.once("error", (error: Error) => {
      reject(new Error(`Cannot listen on ${host}: ${errorText(error)}`));
    });
    server.listen(0, host, () => server.close(() => resolve()));
  });
}
