/**
 * Where the values of options come from: a file, the environment, flags.
 * @module
 */
import { parseArgs } from "node:util";
import { errorText } from "../util/errors.ts";
import { commandFlags } from "./commands.ts";
import { ConfigError } from "./error.ts";
import { fromText, type Option } from "./option.ts";

/** Gives the text of a file, or throws as node:fs does. */
export type ReadFile = (path: string) => string;

/** Accepted values, by key. */
export type Values = Record<string, unknown>;

/** A flag as node:util's parseArgs sees it. */
export interface FlagToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string;
  readonly inlineValue?: boolean;
}

/** The words and the flags of a command line, in its order. */
export interface Arguments {
  readonly words: string[];
  readonly flags: FlagToken[];
}

const noSuch = "there is no such option, lull --help lists them";
const fileOnly = "it can be given in the config file only";

/** What hooks are told (src/hooks/hook.ts): one of them may start a lull. */
const TOLD_TO_HOOKS = new Set([
  "LULL_PHASE",
  "LULL_OPERATION",
  "LULL_GENERATION",
  "LULL_OUTCOME",
  "LULL_HOST_TIME",
]);

/**
 * The values that a JSON file gives. Throws a ConfigError for a file that
 * cannot be read or is no JSON object, and for what it should not say.
 */
export function fromFile(
  options: readonly Option[],
  path: string,
  readFile: ReadFile,
  mayBeMissing: boolean,
): Values {
  const subject = `the config file ${path}`;
  let text: string;
  try {
    text = readFile(path);
  } catch (error) {
    const why = errorText(error);
    if (mayBeMissing && why === "ENOENT") return {};
    throw new ConfigError(
      `Cannot read ${subject}: ${why}; let the agent read it, or name another file with --config`,
      1,
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    const { message } = error as Error;
    throw new ConfigError(`Cannot read ${subject}: ${message}`);
  }
  if (
    content === null || typeof content !== "object" || Array.isArray(content)
  ) {
    const shown = JSON.stringify(content);
    throw new ConfigError(
      `Cannot read ${subject}: expected a JSON object, got ${shown}`,
    );
  }
  const values: Values = {};
  for (const [key, value] of Object.entries(content)) {
    const source = `${key} in ${path}`;
    const option = options.find((option) => option.key === key);
    if (!option) throw new ConfigError(`Cannot use ${source}: ${noSuch}`);
    values[key] = accepted(option, value, value, source);
  }
  return values;
}

/**
 * The values that LULL_ variables give. Throws a ConfigError for a variable
 * that is no option's, and for a wrong value.
 */
export function fromEnvironment(
  options: readonly Option[],
  env: Record<string, string | undefined>,
): Values {
  const values: Values = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("LULL_") || text === undefined) continue;
    if (TOLD_TO_HOOKS.has(name)) continue;
    const option = options.find((option) => option.variable === name);
    if (!option) throw new ConfigError(`Cannot use ${name}: ${noSuch}`);
    if (option.type === "objects") {
      throw new ConfigError(`Cannot use ${name}: ${fileOnly}`);
    }
    values[option.key] = accepted(option, fromText(option, text), text, name);
  }
  return values;
}

/**
 * The values that flags give; of the same flag twice, the last, but the lists of
 * both. Throws a ConfigError for a flag that is no option's, and for a wrong
 * value.
 */
export function fromFlags(
  options: readonly Option[],
  tokens: readonly FlagToken[],
): Values {
  const values: Values = {};
  for (const token of tokens) {
    const { rawName } = token;
    const option = options.find(({ flag, negation }) =>
      flag === rawName || negation === rawName
    );
    if (!option) throw new ConfigError(`Cannot use ${rawName}: ${noSuch}`);
    if (option.type === "objects") {
      throw new ConfigError(`Cannot use ${rawName}: ${fileOnly}`);
    }
    const { key } = option;
    const value = flagValue(option, token);
    const before = values[key];
    values[key] = Array.isArray(before) && Array.isArray(value)
      ? [...before, ...value]
      : value;
  }
  return values;
}

function flagValue(option: Option, token: FlagToken): unknown {
  const { rawName, value } = token;
  if (option.negation === rawName) {
    if (value === undefined) return false;
    throw new ConfigError(
      `Cannot use ${rawName}: expected no value, got ${JSON.stringify(value)}`,
    );
  }
  if (option.type === "boolean" && value === undefined) return true;
  const text = valueOf(token, option.expected);
  return accepted(option, fromText(option, text), text, rawName);
}

/** The value of a flag that needs one; `expected` says what in the error. */
export function valueOf(token: FlagToken, expected: string): string {
  const { rawName, value, inlineValue } = token;
  // parseArgs takes the next flag for a value; a negative number is no flag.
  const isFlag = !inlineValue && value !== undefined && /^-\D/.test(value);
  if (value !== undefined && !isFlag) return value;
  throw new ConfigError(
    `Cannot use ${rawName}: expected ${expected}, got none`,
  );
}

/** The value, if the option takes it; `written` is what the user wrote. */
function accepted(
  option: Option,
  value: unknown,
  written: unknown,
  source: string,
): unknown {
  if (option.accepts(value)) return value;
  throw new ConfigError(
    `Cannot use ${source}: expected ${option.expected}, got ${
      JSON.stringify(written)
    }`,
  );
}

/** Takes a command line apart; judges nothing. */
export function readArguments(
  options: readonly Option[],
  args: string[],
): Arguments {
  const { tokens } = parseArgs({
    args,
    // Not strict: its sentences differ between the runtimes, ours do not.
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
      // A boolean takes its value only after "=", so that a command may follow.
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
