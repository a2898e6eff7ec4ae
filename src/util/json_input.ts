/**
 * Schemas of what callers send as JSON, made so that a JSON Schema can say exactly
 * what they accept.
 * @module
 */
import * as v from "valibot";

/** A part of a JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * An object with these fields and no others. To valibot's own schema an array is an
 * object, too; and its error names the unknown field, which is the caller's input.
 */
export function fields<const E extends v.ObjectEntries>(
  entries: E,
): v.StrictObjectSchema<E, v.ErrorMessage<v.StrictObjectIssue>> {
  const names = Object.keys(entries);
  const known = names.length > 0
    ? `no fields but ${names.join(", ")}`
    : "no fields";
  const schema = v.strictObject<E, v.ErrorMessage<v.StrictObjectIssue>>(
    entries,
    ({ expected }) => expected === "never" ? known : "a JSON object",
  );
  return {
    ...schema,
    "~run": (dataset, config) =>
      schema["~run"](
        Array.isArray(dataset.value) ? { value: undefined } : dataset,
        config,
      ),
  };
}

const statements = new WeakMap<object, JsonSchema>();

/** A check in code, with the JSON Schema that says the same. */
export function stated<T>(
  check: (value: T) => boolean,
  message: string,
  says: JsonSchema,
): v.CheckAction<T, string> {
  const action = v.check(check, message);
  statements.set(action, says);
  return action;
}

/** What {@linkcode stated} was told of this check; undefined for any other. */
export function statementOf(action: object): JsonSchema | undefined {
  return statements.get(action);
}

/** A number of JSON (RFC 8259, 6), leading zeros allowed. */
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/**
 * The same value in a query or a header, where all values are text: what is written
 * as a number is one.
 */
export function asText<const S extends v.GenericSchema>(schema: S) {
  return v.pipe(
    v.string(),
    v.transform((text): unknown => NUMBER.test(text) ? Number(text) : text),
    schema,
  );
}
