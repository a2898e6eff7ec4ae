/**
 * Schemas of the JSON that callers send. A JSON Schema can describe exactly the values that these
 * schemas accept.
 * @module
 */
import * as v from "valibot";

/** A part of a JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Whether a value is an object of JSON, which an array is not. */
export function isJsonObject(
  value: unknown,
): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Makes the schema of an object with these fields and no others. Differs from valibot's
 * strictObject: an array is not an object, and the error does not contain the unknown field,
 * which is the caller's input.
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
    ({ expected }) =>
      expected === "never"
        ? known
        : expected === "Object"
        ? "a JSON object"
        : "a value",
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

/**
 * Makes the schema of one value or of a list of such values. Differs from valibot's union: an error
 * has the path to the wrong element of the list.
 */
export function oneOrList<
  const O extends v.GenericSchema,
  const L extends v.GenericSchema,
>(one: O, list: L): v.UnionSchema<[O, L], undefined> {
  const schema = v.union([one, list]);
  return {
    ...schema,
    "~run": (dataset, config) =>
      (Array.isArray(dataset.value) ? list : one)["~run"](
        dataset,
        config,
      ) as ReturnType<typeof schema["~run"]>,
  };
}

/** The expected value of an issue, without the received one. */
export function expectedBy(
  { message, expected }: v.BaseIssue<unknown>,
): string {
  // Valibot's own messages contain the received value; those of Lull's schemas do not.
  return message.startsWith("Invalid ") ? expected ?? "another value" : message;
}

/** What is wrong with a value: the path of each wrong field, and what is expected there. */
export function issuesOf(
  issues: readonly v.BaseIssue<unknown>[],
): { readonly path: string; readonly expected: string }[] {
  return issues.map((issue) => ({
    path: knownPath(issue),
    expected: expectedBy(issue),
  }));
}

/**
 * The path to the wrong field. For an unknown field it is the path to the object that contains the
 * field, because a reply does not repeat names that the caller chose.
 */
function knownPath({ path, expected }: v.BaseIssue<unknown>): string {
  const keys: readonly v.IssuePathItem[] = path ?? [];
  const known = expected === "never" ? keys.slice(0, -1) : keys;
  return known.map(({ key }) => key).join(".");
}

const statements = new WeakMap<object, JsonSchema>();

/** Makes a check in code, together with the JSON Schema that describes it. */
export function stated<T>(
  check: (value: T) => boolean,
  message: string,
  says: JsonSchema,
): v.CheckAction<T, string> {
  const action = v.check(check, message);
  statements.set(action, says);
  return action;
}

/** Returns the JSON Schema of a check of {@linkcode stated}; undefined for any other check. */
export function statementOf(action: object): JsonSchema | undefined {
  return statements.get(action);
}

/** A number of JSON (RFC 8259, 6), leading zeros allowed. */
const NUMBER = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/**
 * Makes the schema of the same value in a query or a header, where all values are text: a text
 * with the form of a number becomes a number.
 */
export function asText<const S extends v.GenericSchema>(schema: S) {
  return v.pipe(
    v.string(),
    v.transform((text): unknown => NUMBER.test(text) ? Number(text) : text),
    schema,
  );
}
