/**
 * Which command a command line has, and whose flag each of its flags is: an option, or a flag of one
 * or several commands.
 * @module
 */
import { type FlagToken, isGiven, textOf } from "./arguments.ts";
import type { CallCommandName } from "./call_commands.ts";
import type { CommandFlag } from "./command.ts";
import { type CommandName, commands } from "./commands.ts";
import { ConfigError, refuse } from "./error.ts";
import { optionsOf } from "./option.ts";
import { preloadsOf } from "./preloads.ts";
import type { Parsed } from "./parsed.ts";
import { configSchema } from "./schema.ts";

/** All options, with their flags and variables. */
export const options = optionsOf(configSchema.entries);

/** The command of the words that are no flags; `serve` if there is none. Throws a ConfigError. */
export function commandOf([command = "serve", ...rest]: string[]): CommandName {
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

/** The names of the commands that have this flag; empty if no command has it. */
export function ownersOf({ rawName }: FlagToken): string[] {
  return Object.entries(commands)
    .filter(([, { flags }]) =>
      Object.keys(flags).some((name) => `--${name}` === rawName)
    )
    .map(([name]) => name);
}

/** Whether the command has this flag for itself, by the name. */
export function isOwn(
  { name }: FlagToken,
  command: string | undefined,
): boolean {
  return command !== undefined && Object.hasOwn(commands, command) &&
    Object.hasOwn(commands[command as CommandName].flags, name);
}

/** Whether the flag is an option. */
export function isOption({ rawName }: FlagToken): boolean {
  return options.some(({ flag }) => flag === rawName);
}

/** The values of the command's flags; the last one of a repeated flag counts. */
export function valuesOf(
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

/** Throws a ConfigError if the flag belongs to another command. */
export function refuseForeign(flag: FlagToken, command: CommandName): void {
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

/** The command `install`, of these flags. Throws a ConfigError if they do not fit each other. */
export function installOf(flags: readonly FlagToken[]): Parsed {
  const last = (name: string) => flags.findLast((flag) => flag.name === name);
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
  return { kind: "install", root, binary, preload, uninstall, dryRun };
}
