/**
 * Reads the values of options from the config file, the environment and the flags.
 * @module
 */
import { errorText } from "../util/errors.ts";
import { isJsonObject } from "../util/json_input.ts";
import { type FlagToken, isGiven, valueOf } from "./arguments.ts";
import { ConfigError, refuse, refuseValue } from "./error.ts";
import { HOOK_VARIABLES } from "./hook_variables.ts";
import { fromText, type Option } from "./option.ts";

/** Returns the text of a file; throws the errors of node:fs. */
export type ReadFile = (path: string) => string;

/** Checked values, by the keys of their options. */
export type Values = Record<string, unknown>;

const unknownOption = "there is no such option, see lull --help";
const fileOnly = "only the config file can set it";

/** The variables of hooks, and the variable of the preloads: other programs read them. */
const foreignVariables: readonly string[] = [
  ...Object.values(HOOK_VARIABLES),
  "LULL_GENERATION_FILE",
];

/**
 * Reads the values of a JSON file. Throws a ConfigError if the file cannot be read,
 * if it is not a JSON object, and for an unknown key or a wrong value.
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
  if (!isJsonObject(content)) {
    const shown = JSON.stringify(content);
    throw new ConfigError(
      `Cannot read ${subject}: expected a JSON object, got ${shown}`,
    );
  }
  const values: Values = {};
  for (const [key, value] of Object.entries(content)) {
    const source = `${key} in ${path}`;
    const option = options.find((option) => option.key === key);
    if (!option) refuse(source, unknownOption);
    values[key] = accepted(option, value, value, source);
  }
  return values;
}

/**
 * Uses the credential lull.token as the token file, if the service manager gives it:
 * systemd.exec(5), "Credentials". Any other source of the option overrides this. A
 * credential that cannot be read is used all the same: the agent then refuses the
 * calls that need the token.
 */
export function fromCredentials(
  env: Record<string, string | undefined>,
  readFile: ReadFile,
): Values {
  const directory = env.CREDENTIALS_DIRECTORY;
  if (!directory) return {};
  const tokenFile = `${directory}/lull.token`;
  try {
    readFile(tokenFile);
  } catch (error) {
    if (errorText(error) === "ENOENT") return {};
  }
  return { tokenFile };
}

/**
 * Reads the values of the LULL_ variables. Throws a ConfigError for a variable that
 * belongs to no option, and for a wrong value.
 */
export function fromEnvironment(
  options: readonly Option[],
  env: Record<string, string | undefined>,
): Values {
  const values: Values = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith("LULL_") || text === undefined) continue;
    if (foreignVariables.includes(name)) continue;
    const option = options.find((option) => option.variable === name);
    if (!option) refuse(name, unknownOption);
    if (option.type === "objects") refuse(name, fileOnly);
    values[option.key] = accepted(option, fromText(option, text), text, name);
  }
  return values;
}

/**
 * Reads the values of the flags. If a flag is repeated, its last value counts; the
 * lists of a repeated list flag are joined. Throws a ConfigError for a flag that
 * belongs to no option, and for a wrong value.
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
    if (!option) refuse(rawName, unknownOption);
    if (option.type === "objects") refuse(rawName, fileOnly);
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
    return !isGiven(token);
  }
  if (option.type === "boolean" && value === undefined) return true;
  const text = valueOf(token, option.expected);
  return accepted(option, fromText(option, text), text, rawName);
}

/**
 * Returns the value if the option accepts it. Throws a ConfigError otherwise, with
 * `written`, the value as the user wrote it.
 */
function accepted(
  option: Option,
  value: unknown,
  written: unknown,
  source: string,
): unknown {
  if (option.accepts(value)) return value;
  const lacksQuotes = option.type === "list" && Array.isArray(written) &&
    written.some((part) => typeof part !== "string");
  const expected = lacksQuotes
    ? `${option.expected}, each in quotes`
    : option.expected;
  refuseValue(source, expected, written);
}
