/**
 * Builds options. An option has a kind of value, a default and a description. Its
 * names on the command line and in the environment are derived from its key.
 * @module
 */
import * as v from "valibot";
import { isJsonObject } from "../util/json_input.ts";

/**
 * Makes an option from one of the kinds below, a default and a description for
 * the help. The default must be of that kind; tests/config/sources.test.ts checks
 * this.
 */
export function option<const S extends v.GenericSchema>(
  kind: S,
  defaultValue: v.InferInput<S>,
  description: string,
) {
  return v.pipe(v.optional(kind, defaultValue), v.description(description));
}

/** A whole number from `least` to `most`, both included. */
export function integer(least: number, most: number) {
  return v.pipe(
    v.number(),
    v.integer(),
    v.minValue(least),
    v.maxValue(most),
    expect(`a whole number from ${least} to ${most}`),
  );
}

/** True or false. */
export function boolean() {
  return v.pipe(v.boolean(), expect("true or false"));
}

/** A text that matches `form`; `expected` describes the form for error texts. */
export function text(form: RegExp, expected: string) {
  return v.pipe(v.string(), v.regex(form), expect(expected));
}

/** A path from the root. */
export const path = text(/^\/[^\0]*$/, "an absolute path");

/** A path from the root, or an empty value for none. */
export const pathOrEmpty = text(
  /^(\/[^\0]*)?$/,
  "an absolute path or an empty value",
);

/** A name of anything. */
export const name = text(/^[^\0]+$/, "a name");

/** A list of values of one kind; `expected` describes the values for error texts. */
export function listOf<const S extends v.GenericSchema<string, string>>(
  kind: S,
  expected: string,
) {
  return v.pipe(
    v.array(kind),
    v.readonly(),
    v.metadata({ expected: `a list of ${expected}`, type: "list" }),
  );
}

/** A list of texts; the config file may also give one text without the array. */
export function listOrOne(
  accepts: (text: string) => boolean,
  expected: string,
) {
  return v.pipe(
    v.union([v.string(), v.array(v.string())]),
    v.transform((value): readonly string[] =>
      typeof value === "string" ? [value] : value
    ),
    v.check((values) => values.every(accepts)),
    v.metadata({ expected: `a list of ${expected}`, type: "list" }),
  );
}

/**
 * A list of JSON objects, which only the config file can give. The code that uses
 * the objects checks their fields.
 */
export function objects(expected: string) {
  return v.pipe(
    // Valibot's looseObject accepts arrays.
    v.array(v.custom<Readonly<Record<string, unknown>>>(isJsonObject)),
    v.readonly(),
    v.metadata({ expected: `a list of ${expected}`, type: "objects" }),
  );
}

/** One of the words, in the same case. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return v.pipe(v.picklist(words), expect(anyOf(words)));
}

/** One of the words, in capitals; the user may write the word in any case. */
export function oneOfCapitals<const Words extends readonly string[]>(
  words: Words,
) {
  return v.pipe(
    v.string(),
    v.toUpperCase(),
    v.picklist(words),
    expect(anyOf(words)),
  );
}

function expect<T>(expected: string) {
  return v.metadata<T, { readonly expected: string }>({ expected });
}

function anyOf(words: readonly string[]): string {
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** The properties of an option that the help and the sources use. */
export interface Option {
  /** The option's name in the config file and in Config: scanIntervalMs. */
  readonly key: string;
  /** The option's name in the environment: LULL_SCAN_INTERVAL_MS. */
  readonly variable: string;
  /** The option's flag: --scan-interval-ms. */
  readonly flag: string;
  /** The flag for false, if the option is a boolean: --no-forward-ports. */
  readonly negation?: string;
  /** The type of the value in JSON: `list` is a list of strings. */
  readonly type: "boolean" | "number" | "string" | "list" | "objects";
  readonly defaultValue: unknown;
  readonly expected: string;
  readonly description: string;
  /** Whether the value is of the option's kind. */
  accepts(value: unknown): boolean;
}

/** The options of a schema whose entries `option` made, in the order of the schema. */
export function optionsOf(
  entries: Record<string, ReturnType<typeof option<v.GenericSchema>>>,
): Option[] {
  return Object.entries(entries).map(([key, schema]) => {
    const kebab = key.replace(/[A-Z]/g, "-$&").toLowerCase();
    const { expected, type = typeof schema.default } = v.getMetadata(
      schema.wrapped,
    ) as { expected: string; type?: string };
    return {
      key,
      variable: `LULL_${kebab.replaceAll("-", "_").toUpperCase()}`,
      flag: `--${kebab}`,
      negation: type === "boolean" ? `--no-${kebab}` : undefined,
      type: type as Option["type"],
      defaultValue: schema.default,
      expected,
      description: v.getDescription(schema) ?? "",
      accepts: (value) => v.is(schema.wrapped, value),
    };
  });
}

/** Converts the text of a variable or a flag to a value of the option's type. */
export function fromText(option: Option, text: string): unknown {
  if (option.type === "number" && /^-?\d+$/.test(text)) return Number(text);
  if (option.type === "boolean" && text === "true") return true;
  if (option.type === "boolean" && text === "false") return false;
  if (option.type === "list") {
    return text === "" ? [] : text.split(",").map((part) => part.trim());
  }
  // A text that does not fit the type stays a text: Option.accepts refuses it.
  return text;
}
