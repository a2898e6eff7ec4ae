/**
 * Splits a command line into words and flags, and reads the flags that are no options.
 * @module
 */
import { nodeUtil } from "../util/lazy_builtins.ts";
import { commandFlags } from "./commands.ts";
import { refuseValue } from "./error.ts";
import type { Option } from "./option.ts";

/** A flag, as parseArgs of node:util returns it. */
export interface FlagToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string;
  readonly inlineValue?: boolean;
}

/** The words and the flags of a command line, in the order of the command line. */
interface Arguments {
  readonly words: string[];
  readonly flags: FlagToken[];
}

/** Splits a command line into words and flags, without checking them. */
export function readArguments(
  options: readonly Option[],
  args: string[],
): Arguments {
  // An installed agent has no arguments, and does not load the module that splits them.
  if (args.length === 0) return { words: [], flags: [] };
  const { tokens } = nodeUtil().parseArgs({
    args,
    // Not strict: the error texts of parseArgs differ between the runtimes.
    strict: false,
    tokens: true,
    options: {
      help: { type: "boolean", short: "h" },
      version: { type: "boolean" },
      config: { type: "string" },
      ...Object.fromEntries(commandFlags.map(([name, { value }]) => [
        name,
        { type: value === undefined ? "boolean" : "string" as const },
      ])),
      // A boolean's value must follow "=": the next word may be a command.
      ...Object.fromEntries(options.map(({ flag, type }) => [
        flag.slice(2),
        { type: type === "boolean" ? type : "string" as const },
      ])),
    },
  });
  return {
    words: tokens.flatMap((token) =>
      token.kind === "positional" ? [token.value] : []
    ),
    flags: tokens.filter((token) => token.kind === "option"),
  };
}

/**
 * Returns the value of a flag that requires one. Throws a ConfigError, with
 * `expected` as the description of the value, if the flag has none.
 */
export function valueOf(token: FlagToken, expected: string): string {
  const { rawName, value, inlineValue } = token;
  // parseArgs treats the next flag as the value. A negative number is not a flag.
  const isFlag = !inlineValue && value !== undefined && /^-\D/.test(value);
  if (value !== undefined && !isFlag) return value;
  refuseValue(rawName, expected, undefined);
}

/** The text of a flag; undefined if the flag is not given. An empty text is refused. */
export function textOf(
  flag: FlagToken | undefined,
  expected: string,
): string | undefined {
  if (flag === undefined) return undefined;
  const text = valueOf(flag, expected);
  if (text === "") refuseValue(flag.rawName, expected, text);
  return text;
}

/** Whether a switch is given. Throws a ConfigError if the switch has a value. */
export function isGiven(flag: FlagToken | undefined): boolean {
  if (flag?.value !== undefined) {
    refuseValue(flag.rawName, "no value", flag.value);
  }
  return flag !== undefined;
}
