/**
 * What Lull can be told, and where it is told from: defaults < config file <
 * environment < flags. Parsed once, at start.
 *
 * A new option is one entry of the schema: its flag, its variable, its key in
 * the file, its check and its help all follow from that entry.
 * @module
 */
import * as v from "valibot";
import { ConfigError } from "./config/error.ts";
import { helpText } from "./config/help.ts";
import {
  ipv4,
  oneOf,
  oneOfCapitals,
  option,
  optionsOf,
  text,
  whole,
  yesNo,
} from "./config/option.ts";
import {
  type FlagToken,
  fromEnvironment,
  fromFile,
  fromFlags,
  readArguments,
  type ReadFile,
  valueOf,
  type Values,
} from "./config/sources.ts";

export { ConfigError } from "./config/error.ts";

/** Every option: kind, default, sentence. */
export const configSchema = v.strictObject({
  host: option(
    text(/^[^\s/]+$/, "an address or a host name"),
    "0.0.0.0",
    "The address to listen on.",
  ),
  port: option(
    whole(0, 65535),
    49983,
    "The port to listen on; 0 takes a free one.",
  ),
  scanIntervalMs: option(
    whole(100, 60_000),
    1000,
    "Milliseconds between two looks for listening ports.",
  ),
  forwardAddress: option(
    ipv4(),
    "169.254.0.21",
    "The address that ports on loopback are forwarded from.",
  ),
  forwardPorts: option(
    yesNo(),
    true,
    "Whether ports on loopback are forwarded at all.",
  ),
  lease: option(
    whole(1, 86_400),
    600,
    "Seconds that a guest may stay quiesced before Lull recovers on its own.",
  ),
  healthRecovers: option(
    oneOf(["always", "restored"]),
    "always",
    "Whether a health check recovers, or only with evidence of a restore.",
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
    text(/^\//, "an absolute path"),
    "/run/lull",
    "The directory for what must outlive the agent, but not the machine.",
  ),
  bodyLimitBytes: option(
    whole(1, 2 ** 30),
    65_536,
    "Bytes that the body of a request may have.",
  ),
  headerTimeoutMs: option(
    whole(1, 3_600_000),
    10_000,
    "Milliseconds that a client may take to send the head of a request.",
  ),
  idleTimeoutMs: option(
    whole(1, 3_600_000),
    60_000,
    "Milliseconds that a connection may stay idle.",
  ),
});

/** What Lull was told, defaults filled in. */
export type Config = Readonly<v.InferOutput<typeof configSchema>>;

/** What the command line asks for. */
export type Parsed =
  | { readonly kind: "serve"; readonly config: Config }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "version" };

/** Every command; the first is meant where none is given. */
const commands = {
  serve: "Listens for the host agent. The command where none is given.",
} as const;

const defaultFile = "/etc/lull/config.json";
const options = optionsOf(configSchema.entries);

/**
 * Makes the configuration from the arguments after the program's name, the
 * environment and the config file. Throws a ConfigError, with a sentence for
 * the user, for whatever is wrong with them; help and version are given
 * whatever is wrong.
 */
export function parseConfig(
  args: string[],
  env: Record<string, string | undefined>,
  readFile: ReadFile,
): Parsed {
  const { words, flags } = readArguments(options, args);
  const asks = (name: string) => flags.some((flag) => flag.name === name);
  if (asks("help")) {
    return { kind: "help", text: helpText(commands, options, defaultFile) };
  }
  if (asks("version")) return { kind: "version" };
  const file = flags.findLast((flag) => flag.name === "config");
  // Before the command: the value of a flag that does not exist looks like one.
  const flagged = fromFlags(
    options,
    flags.filter((flag) => flag.name !== "config"),
  );
  const command = commandOf(words);
  switch (command) {
    case "serve":
      return {
        kind: command,
        config: readConfig(file, flagged, env, readFile),
      };
  }
}

function commandOf([command = "serve", ...rest]: string[]) {
  if (!Object.hasOwn(commands, command)) {
    const known = Object.keys(commands).join(", ");
    throw new ConfigError(
      `Cannot run ${JSON.stringify(command)}: expected a command (${known})`,
    );
  }
  if (rest.length > 0) {
    throw new ConfigError(
      `Cannot use ${JSON.stringify(rest[0])}: ${command} takes only flags`,
    );
  }
  return command as keyof typeof commands;
}

function readConfig(
  file: FlagToken | undefined,
  flagged: Values,
  env: Record<string, string | undefined>,
  readFile: ReadFile,
): Config {
  const path = file ? valueOf(file, "the path of a file") : defaultFile;
  return v.parse(configSchema, {
    ...fromFile(options, path, readFile, file === undefined),
    ...fromEnvironment(options, env),
    ...flagged,
  });
}
