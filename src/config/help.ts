/**
 * What `lull --help` prints.
 * @module
 */
import type { Command } from "./commands.ts";
import type { Option } from "./option.ts";

/** The page of help, from the sentences of the commands and the options. */
export function helpText(
  commands: Readonly<Record<string, Command>>,
  options: readonly Option[],
  defaultFile: string,
): string {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  return [
    "Makes a virtual machine safe to snapshot, and right again after the restore.",
    "",
    "Usage: lull [command] [options]",
    "",
    "Commands:",
    ...Object.entries(commands).flatMap(([name, { sentence, flags }]) => [
      `  ${name.padEnd(width)}  ${sentence}`,
      ...Object.entries(flags).map(([flag, { value, sentence }]) =>
        `      --${
          value === undefined ? flag : `${flag} ${value}`
        }: ${sentence}`
      ),
    ]),
    "",
    "Options, from the weakest source to the strongest: the default, the config",
    "file, the environment variable, the flag. A list is a JSON array in the file;",
    "elsewhere it has commas, and its flag may be given several times.",
    "",
    "  --config FILE",
    "      The config file, a JSON object.",
    `      Default: ${defaultFile}, if it exists`,
    "  -h, --help",
    "      Prints this page.",
    "  --version",
    "      Prints the version.",
    ...options.flatMap(linesOf),
    "",
  ].join("\n");
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
    `      Takes ${expected}`,
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
