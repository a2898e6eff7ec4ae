/**
 * What `lull --help` prints.
 * @module
 */
import type { Option } from "./option.ts";

/** The page of help, from the sentences of the commands and the options. */
export function helpText(
  commands: Readonly<Record<string, string>>,
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
    ...Object.entries(commands).map(([name, sentence]) =>
      `  ${name.padEnd(width)}  ${sentence}`
    ),
    "",
    "Options, from the weakest source to the strongest: the default, the config",
    "file, the environment variable, the flag.",
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
  const { key, flag, negation, variable, expected, otherwise, sentence } =
    option;
  return [
    negation ? `  ${flag}, ${negation}` : `  ${flag} VALUE`,
    `      ${sentence}`,
    `      Takes ${expected}`,
    `      Default: ${otherwise}`,
    `      In the file ${key}, in the environment ${variable}`,
  ];
}
