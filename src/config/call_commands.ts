/**
 * The commands that call an agent, usually from the host, and their flags.
 * @module
 */
import type { Command, CommandFlag } from "./command.ts";

/** The flags of every command that calls an agent. */
export const callFlags = {
  url: {
    value: "ADDRESS",
    description: "Address of the agent, see below.",
  },
  token: { value: "FILE", description: "File with the agent's token." },
  timeout: {
    value: "SECONDS",
    description: "Time limit; the default is 60.",
  },
  json: { description: "Print JSON." },
} as const satisfies Record<string, CommandFlag>;

/** What the flags of these commands mean, in lines of at most 76 characters. */
export const callNotes: readonly string[] = [
  "ADDRESS is http://HOST:PORT, unix:PATH, vsock:CID:PORT or fc:PATH:PORT.",
  "fc is the unix socket of a vsock device of Firecracker or Cloud Hypervisor.",
  "Exit codes: 0 done; 1 the agent refused or undid it, the guest did not get",
  "the state in time, or a file cannot be read; 2 wrong usage; 3 no agent is",
  "reached or replies in time.",
];

/** The commands, except for those that call no agent. */
export const callCommands = {
  prepare: {
    description: "Quiesce the guest: pause the machine after this.",
    configured: false,
    flags: {
      wait: {
        value: "STATE",
        description: "Wait until quiesced, or until settled (the default).",
      },
      kind: {
        value: "KIND",
        description: "Kind of snapshot: full, diff or disk.",
      },
      lease: {
        value: "SECONDS",
        description: "Guest time after which the guest recovers on its own.",
      },
      operation: { value: "ID", description: "Id of the operation." },
      ...callFlags,
    },
  },
  recover: {
    description: "Recover the guest, with this host's time and random bytes.",
    configured: false,
    flags: {
      operation: { value: "ID", description: "Id of the operation." },
      outcome: {
        value: "WORD",
        description: "How it ended: restored, resumed or aborted.",
      },
      network: {
        value: "JSON",
        description: "Network identity of the guest, as in the API.",
      },
      renew: {
        value: "LIST",
        description: "Items of the identity to renew, with commas, or all.",
      },
      "renew-on-disk": {
        description: "Write the new identity to the disk.",
      },
      "require-renewed": {
        description: "Fail unless all items are renewed.",
      },
      credential: {
        value: "LIST",
        description: "Secrets of the guest: NAME=FILE, with commas.",
      },
      env: {
        value: "JSON",
        description: "Variables of the guest, as in the API.",
      },
      "require-entropy": {
        description: "Fail unless the random pool is new.",
      },
      ...callFlags,
    },
  },
  health: {
    description: "Check health. The first check after a prepare recovers.",
    configured: false,
    flags: callFlags,
  },
  status: {
    description: "Print the status. Changes nothing.",
    configured: false,
    flags: callFlags,
  },
  watch: {
    description: "Print each change of the state, without end.",
    configured: false,
    flags: callFlags,
  },
  wait: {
    description: "Wait until the guest has a state.",
    configured: false,
    needs: ["for"],
    flags: {
      for: {
        value: "STATE",
        description: "running, ready, quiesced or settled.",
      },
      ...callFlags,
    },
  },
  ports: {
    description: "Print the forwarded ports, or first set the rules for them.",
    configured: false,
    flags: {
      include: {
        value: "LIST",
        description: "Ports that may be forwarded, like 3000,8000-8999.",
      },
      exclude: { value: "LIST", description: "Ports that are not forwarded." },
      ...callFlags,
    },
  },
  metrics: {
    description: "Print the metrics.",
    configured: false,
    flags: callFlags,
  },
  conformance: {
    description: "Check any agent against the contract. Prepares the guest.",
    configured: false,
    flags: callFlags,
  },
} as const satisfies Record<string, Command>;

/** The name of a command that calls an agent. */
export type CallCommandName = keyof typeof callCommands;

/** Whether the command calls an agent. */
export function isCallCommand(name: string): name is CallCommandName {
  return Object.hasOwn(callCommands, name);
}
