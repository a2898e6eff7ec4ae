/**
 * The manual page lull(8), in the language of man(7).
 * @module
 */
import type { Command } from "../config/command.ts";
import { callNotes } from "../config/call_commands.ts";
import { commands } from "../config/commands.ts";
import { VERSION } from "../version.ts";
import { options } from "./commands.ts";

/** Builds the page; `date` is YYYY-MM-DD. */
export function manual(date: string): string {
  return [
    `.TH LULL 8 ${date} "Lull ${VERSION}" "System Administration"`,
    // No hyphens within the names of variables, and no wide spaces.
    ".nh",
    ".ad l",
    ".SH NAME",
    "lull \\- make a virtual machine safe to snapshot, and correct after the restore",
    ".SH SYNOPSIS",
    ".B lull",
    "[\\fIcommand\\fR] [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    text(
      "Lull is an agent that runs inside a virtual machine. The host agent calls it over HTTP before the hypervisor pauses the machine, and again after the restore.",
    ),
    ".SH COMMANDS",
    ...Object.entries<Command>(commands).flatMap((
      [name, { description, flags, notes = [] }],
    ) => [
      ".TP",
      `.B ${text(name)}`,
      text(description),
      ...Object.entries(flags).flatMap(([flag, { value, description }]) => [
        ".RS",
        ".TP",
        named(`--${flag}`, value),
        text(description),
        ".RE",
      ]),
      ...notes.length === 0 ? [] : [".IP", text(notes.join(" "))],
    ]),
    ".PP",
    text(callNotes.join(" ")),
    ".SH OPTIONS",
    text(
      "A flag overrides an environment variable, which overrides the config file, which overrides the default. A list is a JSON array in the config file, and text with commas elsewhere. A list's flag may be repeated.",
    ),
    ...item(named("--config", "FILE"), "Config file, a JSON object."),
    ...item(
      '.BR \\-h ", " \\-\\-help',
      "Print the help page; after a command, print the help of that command.",
    ),
    ...item(named("--version"), "Print the version."),
    ...item(
      named("-version"),
      "Print the version of E2B's agent that the dialect e2b stands for.",
    ),
    ...options.flatMap((option) => {
      const { key, flag, negation, variable, type, expected } = option;
      const onlyFile = type === "objects";
      return [
        ...item(
          onlyFile
            ? `.B ${text(key)}`
            : negation === undefined
            ? named(flag, "VALUE")
            : `.BR ${text(flag)} ", " ${text(negation)}`,
          option.description,
        ),
        ".br",
        text(`Value: ${expected}.`),
        ".br",
        text(`Default: ${shown(option.defaultValue)}.`),
        ".br",
        text(
          onlyFile
            ? `Key ${key}, in the config file only.`
            : `Key ${key}, variable ${variable}.`,
        ),
      ];
    }),
    ".SH FILES",
    ...item(
      ".I /etc/lull/config.json",
      "The config file, a JSON object. It may be missing.",
    ),
    ...item(
      ".I /etc/lull/hooks.d",
      'Scripts that are called with "freeze" before the machine is paused, and with "thaw" after the restore.',
    ),
    ...item(
      ".I /run/lull/generation",
      "A number that increases by one at every recovery.",
    ),
    ".SH EXIT STATUS",
    text(
      "0 if the agent ended at a signal with the guest recovered; 1 if the start or the end failed; 2 if the command line or the configuration is wrong.",
    ),
    "",
  ].join("\n");
}

function item(tag: string, description: string): string[] {
  return [".TP", tag, text(description)];
}

function named(flag: string, value?: string): string {
  return value === undefined
    ? `.B ${text(flag)}`
    : `.BI ${text(flag)} " ${value}"`;
}

function shown(value: unknown): string {
  const text = Array.isArray(value) ? value.join(", ") : String(value);
  return text === "" ? "none" : text;
}

/** Escapes a text: groff_char(7). A line must not begin with a dot or a quote. */
function text(plain: string): string {
  return plain
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replace(/^(?=[.'])/, "\\&");
}
