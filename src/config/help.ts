/**
 * What `lull --help` prints.
 * @module
 */
import { callFlags, callNotes, isCallCommand } from "./call_commands.ts";
import type { Command, CommandFlag } from "./command.ts";
import type { Option } from "./option.ts";

/** Builds the help page from the descriptions of the commands and the options. */
export function helpText(
  commands: Readonly<Record<string, Command>>,
  options: readonly Option[],
  defaultFile: string,
): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    "Makes a virtual machine safe to snapshot, and correct after the restore.",
    "",
    "Usage: lull [command] [options]",
    "",
    "Commands:",
    ...Object.entries(commands).flatMap((
      [name, { description, flags, notes = [] }],
    ) => [
      `  ${name.padEnd(width)}  ${description}`,
      ...Object.entries(flags)
        .filter(([flag]) => !(isCallCommand(name) && isCallFlag(flag)))
        .map(flagLine),
      ...notes.map((line) => `      ${line}`),
    ]),
    "",
    "Commands that call an agent, usually from the host, also take:",
    ...Object.entries(callFlags).map(flagLine),
    ...callNotes.map((line) => `  ${line}`),
    "",
    "Options: a flag overrides an environment variable, which overrides the config",
    "file, which overrides the default. A list is a JSON array in the config file,",
    "and text with commas elsewhere. A list's flag may be repeated.",
    "",
    "  --config FILE",
    "      Config file, a JSON object.",
    `      Default: ${defaultFile}, if it exists`,
    "  -h, --help",
    "      Print this page; after a command, print the help of that command.",
    "  --version",
    "      Print the version.",
    "  -version",
    "      Print the version of E2B's agent that the dialect e2b stands for.",
    ...options.flatMap(linesOf),
    "",
  ].join("\n");
}

/** Builds the help of one command that is not the agent itself. */
export function commandHelpText(
  name: string,
  { description, configured, flags, needs = [], notes = [] }: Command,
): string {
  const calls = isCallCommand(name);
  const needed = [...needs, ...calls ? ["url"] : []].map((flag) =>
    nameOf(flag, flags[flag])
  );
  return [
    description,
    "",
    [
      "Usage: lull",
      name,
      ...needed,
      "[flags]",
      ...configured ? ["[options]"] : [],
    ]
      .join(" "),
    "",
    ...Object.entries(flags).flatMap(([flag, described]) => [
      `  ${nameOf(flag, described)}`,
      `      ${described.description}`,
    ]),
    "",
    ...calls ? callNotes : notes,
    configured
      ? "It also takes the options of the agent, and reads its config file: lull --help."
      : "All commands: lull --help.",
    "",
  ].join("\n");
}

function isCallFlag(flag: string): boolean {
  return Object.hasOwn(callFlags, flag);
}

function flagLine(
  [flag, described]: [string, CommandFlag],
): string {
  return `      ${nameOf(flag, described)}: ${described.description}`;
}

/** The flag with its dashes and the name of its value. */
function nameOf(flag: string, { value }: CommandFlag): string {
  return value === undefined ? `--${flag}` : `--${flag} ${value}`;
}

function linesOf(option: Option): string[] {
  const {
    key,
    flag,
    negation,
    variable,
    expected,
    defaultValue,
    description,
  } = option;
  return [
    option.type === "objects"
      ? `  ${key}, in the config file only`
      : negation
      ? `  ${flag}, ${negation}`
      : `  ${flag} VALUE`,
    `      ${description}`,
    `      Value: ${expected}`,
    `      Default: ${shown(defaultValue)}`,
    ...option.type === "objects"
      ? []
      : [`      Key ${key}, variable ${variable}`],
  ];
}

function shown(value: unknown): string {
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  return text === "" ? "none" : text;
}
