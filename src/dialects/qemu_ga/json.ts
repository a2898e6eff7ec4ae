/**
 * JSON with exact integers: an id may be any 64-bit number, and times are nanoseconds since 1970.
 * A number of JavaScript is exact up to 2^53.
 * @module
 */

/** A value of JSON. An integer above 2^53 is a bigint. */
export type Json =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/** The third argument of a reviver (ECMAScript, JSON.parse with source text access). */
interface Source {
  readonly source?: string;
}

/** Parses a text. Throws a SyntaxError. */
export function parseJson(text: string): Json {
  const exact = (_: string, value: unknown, context?: Source) =>
    typeof value === "number" && !Number.isSafeInteger(value) &&
      /^-?\d+$/.test(context?.source ?? "")
      ? BigInt(context!.source!)
      : value;
  return JSON.parse(text, exact as (key: string, value: unknown) => Json);
}

/** JSON.rawJSON, which the types of the library do not have yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** Makes the text of a value, on one line. */
export function jsonText(value: unknown): string {
  return JSON.stringify(
    value,
    (_, value) => typeof value === "bigint" ? rawJSON(String(value)) : value,
  );
}
