/**
 * Parses the command line and the configuration, once, at start. A flag overrides
 * an environment variable, which overrides the config file, which overrides the
 * default.
 * @module
 */
import * as v from "valibot";
import {
  type FlagToken,
  isGiven,
  readArguments,
  valueOf,
} from "./arguments.ts";
import { isCallCommand } from "./call_commands.ts";
import {
  commandOf,
  installOf,
  isOption,
  isOwn,
  options,
  ownersOf,
  refuseForeign,
  valuesOf,
} from "./command_line.ts";
import { type CommandName, commands } from "./commands.ts";
import { refuseRivals } from "./dialects.ts";
import { commandHelpText, helpText } from "./help.ts";
import { refuseOwnSockets } from "./own_sockets.ts";
import type { Parsed } from "./parsed.ts";
import { type Config, configSchema } from "./schema.ts";
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

const defaultFile = "/etc/lull/config.json";

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
  if (last("help")) return { kind: "help", text: helpOf(words[0] ?? "serve") };
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
    case "install":
      return installOf(flags);
  }
}

/** The help of a command; the whole page for the agent, and for a word that is no command. */
function helpOf(word: string): string {
  return word !== "serve" && Object.hasOwn(commands, word)
    ? commandHelpText(word, commands[word as CommandName])
    : helpText(commands, options, defaultFile);
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
