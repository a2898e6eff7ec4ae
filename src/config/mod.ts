/**
 * Parses the command line and the configuration, once, at start. A flag overrides
 * an environment variable, which overrides the config file, which overrides the
 * default.
 * @module
 */
import * as v from "valibot";
import { type CallCommandName, isCallCommand } from "./call_commands.ts";
import type { CommandFlag } from "./command.ts";
import { type CommandName, commands } from "./commands.ts";
import { refuseRivals } from "./dialects.ts";
import { refuseOwnSockets } from "./own_sockets.ts";
import { ConfigError, refuse } from "./error.ts";
import { helpText } from "./help.ts";
import { optionsOf } from "./option.ts";
import { type PreloadName, preloadsOf } from "./preloads.ts";
import { type Config, configSchema } from "./schema.ts";
import {
  type FlagToken,
  isGiven,
  readArguments,
  textOf,
  valueOf,
} from "./arguments.ts";
import {
  fromCredentials,
  fromEnvironment,
  fromFile,
  fromFlags,
  type ReadFile,
  type Values,
} from "./sources.ts";

export { ConfigError } from "./error.ts";
export { type Config, configSchema } from "./schema.ts";

/** The command, with its parsed configuration or flags. */
type Parsed =
  | { readonly kind: "serve"; readonly config: Config }
  | {
    readonly kind: "install";
    /** The directory of the root filesystem, as the user wrote it. */
    readonly root: string;
    /** The binary to install; undefined stands for the running binary. */
    readonly binary: string | undefined;
    /** The preloads to install or remove, and nothing else; undefined stands for the agent. */
    readonly preload: readonly PreloadName[] | undefined;
    /** Removes Lull from the tree. */
    readonly uninstall: boolean;
    /** Changes nothing. */
    readonly dryRun: boolean;
  }
  | {
    readonly kind: "doctor";
    readonly config: Config;
    readonly json: boolean;
  }
  | {
    readonly kind: "call";
    readonly command: CallCommandName;
    /** The values of the flags, by their names; true for a switch. */
    readonly flags: Readonly<Record<string, string | true>>;
  }
  | {
    readonly kind: "ready";
    readonly config: Config;
    /** As those of a call. */
    readonly flags: Readonly<Record<string, string | true>>;
  }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version" }
  /** The version of E2B's agent, which E2B's host asks for with one dash. */
  | { readonly kind: "envd-version" };

const defaultFile = "/etc/lull/config.json";
const options = optionsOf(configSchema.entries);

/**
 * Parses the arguments after the program's name, the environment and the config
 * file. Throws a ConfigError, with one sentence for the user, if a part of them is
 * wrong. `--help` and `--version` work even then.
 */
export function parseConfig(
  args: string[],
  env: Record<string, string | undefined>,
  readFile: ReadFile,
): Parsed {
  if (args.length === 1 && args[0] === "-version") {
    return { kind: "envd-version" };
  }
  const { words, flags } = readArguments(options, args);
  const last = (name: string) => flags.findLast((flag) => flag.name === name);
  if (last("help")) {
    return { kind: "help", text: helpText(commands, options, defaultFile) };
  }
  if (last("version")) return { kind: "version" };
  const file = last("config");
  // Flags are checked before the command: the value of an unknown flag looks like
  // a command, and the error must name the flag.
  const general = flags.filter((flag) =>
    !isOwn(flag, words[0]) && (ownersOf(flag).length === 0 || isOption(flag))
  );
  const flagged = fromFlags(
    options,
    general.filter((flag) => flag.name !== "config"),
  );
  const command = commandOf(words);
  for (const flag of flags) refuseForeign(flag, command);
  const config = () => readConfig(file, flagged, env, readFile);
  if (isCallCommand(command)) {
    return { kind: "call", command, flags: valuesOf(flags, command) };
  }
  switch (command) {
    case "ready":
      return {
        ...{ kind: command, config: config() },
        flags: valuesOf(
          flags.filter((flag) => isOwn(flag, command)),
          command,
        ),
      };
    case "serve":
      return { kind: command, config: config() };
    case "doctor":
      return {
        kind: command,
        config: config(),
        json: isGiven(last("json")),
      };
    case "install": {
      const root = textOf(last("root"), "the path of a directory");
      if (root === undefined) {
        throw new ConfigError("Cannot install: expected --root DIR, got none");
      }
      const binary = textOf(last("binary"), "the path of a file");
      const uninstall = isGiven(last("uninstall"));
      const dryRun = isGiven(last("dry-run"));
      if (uninstall && binary !== undefined) {
        throw new ConfigError(
          "Cannot use --binary: --uninstall removes the installed binary",
        );
      }
      const preload = preloadsOf(last("preload"));
      if (preload !== undefined && binary !== undefined) {
        throw new ConfigError(
          "Cannot use --binary: --preload installs only the preloads",
        );
      }
      return { kind: command, root, binary, preload, uninstall, dryRun };
    }
  }
}

/** The names of the commands that have this flag; empty if the flag is an option. */
function ownersOf({ rawName }: FlagToken): string[] {
  return Object.entries(commands)
    .filter(([, { flags }]) =>
      Object.keys(flags).some((name) => `--${name}` === rawName)
    )
    .map(([name]) => name);
}

function isOwn({ name }: FlagToken, command: string | undefined): boolean {
  return command !== undefined && Object.hasOwn(commands, command) &&
    Object.hasOwn(commands[command as CommandName].flags, name);
}

function isOption({ rawName }: FlagToken): boolean {
  return options.some(({ flag }) => flag === rawName);
}

/** The values of the command's flags; the last one of a repeated flag counts. */
function valuesOf(
  flags: readonly FlagToken[],
  command: CallCommandName | "ready",
): Readonly<Record<string, string | true>> {
  const known: Readonly<Record<string, CommandFlag>> = commands[command].flags;
  return Object.fromEntries(flags.map((flag) => {
    const { value } = known[flag.name];
    if (value === undefined) return [flag.name, isGiven(flag)];
    return [flag.name, textOf(flag, value)];
  }));
}

function refuseForeign(flag: FlagToken, command: CommandName): void {
  const owners = ownersOf(flag);
  if (owners.includes(command)) return;
  if (commands[command].configured && isOption(flag)) return;
  if (owners.length > 0) {
    const named = owners.join(", ");
    refuse(flag.rawName, `it is a flag of ${named}, not of ${command}`);
  }
  const { configured, flags } = commands[command];
  if (configured) return;
  const known = Object.keys(flags).map((name) => `--${name}`).join(", ");
  refuse(flag.rawName, `${command} accepts only ${known}`);
}

function commandOf([command = "serve", ...rest]: string[]): CommandName {
  if (!Object.hasOwn(commands, command)) {
    const known = Object.keys(commands).join(", ");
    throw new ConfigError(
      `Cannot run ${JSON.stringify(command)}: expected a command (${known})`,
    );
  }
  if (rest.length > 0) {
    refuse(JSON.stringify(rest[0]), `${command} accepts only flags`);
  }
  return command as CommandName;
}

function readConfig(
  file: FlagToken | undefined,
  flagged: Values,
  env: Record<string, string | undefined>,
  readFile: ReadFile,
): Config {
  const path = file ? valueOf(file, "the path of a file") : defaultFile;
  const config = v.parse(configSchema, {
    ...fromCredentials(env, readFile),
    ...fromFile(options, path, readFile, file === undefined),
    ...fromEnvironment(options, env),
    ...flagged,
  });
  refuseRivals(config.dialects);
  refuseOwnSockets(config);
  return config;
}
