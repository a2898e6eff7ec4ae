/**
 * The commands of the protocol, as a table.
 * @module
 */
import { VERSION } from "../../version.ts";
import type { Command, Guest } from "./command.ts";
import { ProtocolError } from "./errors.ts";
import {
  filesystems,
  hostName,
  operatingSystem,
  timeZone,
  users,
} from "./facts.ts";
import { interfaces } from "./interfaces.ts";
import { shutDown } from "./shutdown.ts";
import { setTime, timeNow } from "./time.ts";

const FROZEN = { whileFrozen: true } as const;
const RUNNING = { needsRunning: true } as const;

/** All commands by name. A name that is no own key is unknown. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  "guest-sync": {
    ...FROZEN,
    parameters: { id: "integer" },
    run: (_, { id }) => id,
  },
  // The session sends the byte 0xFF before this reply.
  "guest-sync-delimited": {
    ...FROZEN,
    parameters: { id: "integer" },
    run: (_, { id }) => id,
  },
  "guest-ping": { ...FROZEN, run: () => ({}) },
  "guest-info": { ...FROZEN, run: info },
  "guest-fsfreeze-status": { ...FROZEN, run: ({ freeze }) => freeze.status },
  "guest-fsfreeze-freeze": { run: ({ freeze }) => freeze.freeze() },
  "guest-fsfreeze-freeze-list": {
    parameters: { "mountpoints?": "array" },
    run: ({ freeze }, { mountpoints }) =>
      freeze.freeze(mountpoints as readonly string[] | undefined),
  },
  "guest-fsfreeze-thaw": { ...FROZEN, run: ({ freeze }) => freeze.thaw() },
  "guest-fstrim": {
    ...RUNNING,
    parameters: { "minimum?": "integer" },
    async run({ trim }, { minimum = 0 }) {
      if (typeof minimum !== "number" || minimum < 0) {
        throw new ProtocolError("Cannot trim: minimum is out of range");
      }
      return { paths: await trim(minimum) };
    },
  },
  "guest-get-time": { run: ({ libc }) => timeNow(libc) },
  "guest-set-time": {
    ...RUNNING,
    parameters: { "time?": "integer" },
    run: ({ libc }, { time }) => setTime(libc, time as number | bigint),
  },
  "guest-get-osinfo": { run: operatingSystem },
  "guest-get-host-name": { run: () => ({ "host-name": hostName() }) },
  "guest-get-timezone": { run: timeZone },
  "guest-get-users": { run: users },
  "guest-get-fsinfo": { run: filesystems },
  "guest-network-get-interfaces": { run: interfaces },
  "guest-shutdown": {
    silent: true,
    parameters: { "mode?": "string" },
    run: ({ execute }, { mode = "powerdown" }) =>
      shutDown(execute, mode as string),
  },
};

/** Finds a command; undefined if there is none of that name. */
export function commandOf(name: string): Command | undefined {
  return Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
}

/** Whether the command can be called in the state that the guest is in. */
export function isEnabled(command: Command, { freeze }: Guest): boolean {
  return command.whileFrozen === true || freeze.status === "thawed";
}

function info(guest: Guest) {
  return {
    version: VERSION,
    supported_commands: Object.entries(COMMANDS).map(([name, command]) => ({
      name,
      enabled: isEnabled(command, guest),
      "success-response": command.silent !== true,
    })),
  };
}
