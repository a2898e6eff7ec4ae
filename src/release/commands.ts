/**
 * The command line as the manual page and the shell completions show it. All of it
 * follows from the schema that `--help` and the parser use.
 * @module
 */
import type * as v from "valibot";
import type { Command } from "../config/command.ts";
import { commands } from "../config/commands.ts";
import { optionsOf } from "../config/option.ts";
import { configSchema } from "../config/schema.ts";

/** What the shell completes as the value of a flag. */
export type Completion =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "file" | "directory" | "other" };

/** A flag of the command line. */
export interface Flag {
  /** The flag with its dashes. */
  readonly flag: string;
  readonly description: string;
  /** What follows the flag; undefined if the flag is a switch. */
  readonly value?: Completion;
}

/** The options of Lull, in the order of the schema. */
export const options = optionsOf(configSchema.entries);

/** The flags that every command accepts. */
const GENERAL: readonly Flag[] = [
  { flag: "--help", description: "Print the help page." },
  { flag: "--version", description: "Print the version." },
];

/** A command with all flags that it accepts. */
export interface CommandLine {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly Flag[];
}

/** All commands. The first command is the default. */
export const commandLines: readonly CommandLine[] = Object.entries<Command>(
  commands,
).map(([name, { description, configured, flags }]) => ({
  name,
  description,
  flags: [
    ...Object.entries(flags).map(([flag, { value, description }]) => ({
      flag: `--${flag}`,
      description,
      value: value === undefined ? undefined : completionOf(value),
    })),
    ...configured ? [...optionFlags()] : [],
    ...GENERAL,
  ],
}));

function* optionFlags(): Generator<Flag> {
  yield {
    flag: "--config",
    description: "Config file, a JSON object.",
    value: { kind: "file" },
  };
  for (const { key, flag, negation, type, expected, description } of options) {
    if (type === "objects") continue; // only the config file can give it
    if (negation !== undefined) {
      yield { flag, description };
      yield { flag: negation, description: `Not: ${description}` };
      continue;
    }
    const words = wordsOf(key as keyof typeof configSchema.entries);
    const value = words
      ? { kind: "words" as const, words }
      : completionOf(expected);
    yield { flag, description, value };
  }
}

/** The completion of a value that is described in words. */
function completionOf(description: string): Completion {
  if (description === "DIR") return { kind: "directory" };
  return { kind: /FILE|path/i.test(description) ? "file" : "other" };
}

/** The words among which an option chooses; undefined if it takes another value. */
function wordsOf(
  key: keyof typeof configSchema.entries,
): readonly string[] | undefined {
  const { wrapped } = configSchema.entries[key];
  const parts: readonly unknown[] = "pipe" in wrapped ? wrapped.pipe : [];
  const list = parts.find((part) =>
    (part as { type?: string }).type === "picklist"
  );
  return (list as v.PicklistSchema<string[], undefined> | undefined)?.options;
}
