/**
 * What an option is made of: a kind of value, a default, a sentence. The names
 * that its sources give it follow from its key.
 * @module
 */
import * as v from "valibot";

/**
 * One option: a kind below, the default, and a sentence for the help. The
 * default must be of that kind; tests/config/sources.test.ts sees to it.
 */
export function option<const S extends v.GenericSchema>(
  kind: S,
  defaultValue: v.InferInput<S>,
  description: string,
) {
  return v.pipe(v.optional(kind, defaultValue), v.description(description));
}

/** A whole number, both ends included. */
export function integer(least: number, most: number) {
  return v.pipe(
    v.number(),
    v.integer(),
    v.minValue(least),
    v.maxValue(most),
    expect(`a whole number from ${least} to ${most}`),
  );
}

/** Yes or no. */
export function boolean() {
  return v.pipe(v.boolean(), expect("true or false"));
}

/** A text of that form; `expected` says the form in words. */
export function text(form: RegExp, expected: string) {
  return v.pipe(v.string(), v.regex(form), expect(expected));
}

/** An IPv4 address in dotted decimal. */
export function ipv4() {
  return v.pipe(v.string(), v.ipv4(), expect("an IPv4 address"));
}

/** Several values, each of that kind; `expected` says in words what they are. */
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

/** JSON objects, from the config file alone; their user checks what is in them. */
export function objects(expected: string) {
  return v.pipe(
    v.array(v.custom<Readonly<Record<string, unknown>>>(isPlain)),
    v.readonly(),
    v.metadata({ expected: `a list of ${expected}`, type: "objects" }),
  );
}

/** To valibot's looseObject, an array is an object too. */
function isPlain(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** One of the words, exactly. */
export function oneOf<const Words extends readonly string[]>(words: Words) {
  return v.pipe(v.picklist(words), expect(anyOf(words)));
}

/** One of the words in capitals, however the user wrote it. */
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

/** What a user and the sources need to know of an option. */
export interface Option {
  /** Its name in the file and in Config: scanIntervalMs. */
  readonly key: string;
  /** Its name in the environment: LULL_SCAN_INTERVAL_MS. */
  readonly variable: string;
  /** Its flag: --scan-interval-ms. */
  readonly flag: string;
  /** The flag for false, if it is a yes or no: --no-forward-ports. */
  readonly negation?: string;
  /** The type of its value in JSON; a list is one of texts. */
  readonly type: "boolean" | "number" | "string" | "list" | "objects";
  readonly defaultValue: unknown;
  readonly expected: string;
  readonly description: string;
  /** Whether it takes the value. */
  accepts(value: unknown): boolean;
}

/** The options of a schema that `option` made, in its order. */
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

/** The value that a text from a variable or a flag stands for. */
export function fromText(option: Option, text: string): unknown {
  if (option.type === "number" && /^-?\d+$/.test(text)) return Number(text);
  if (option.type === "boolean" && text === "true") return true;
  if (option.type === "boolean" && text === "false") return false;
  if (option.type === "list") {
    return text === "" ? [] : text.split(",").map((part) => part.trim());
  }
  // What the type cannot be stays text, for the check to refuse.
  return text;
}
