/**
 * Text as parsers meet it: arbitrary, or right but for some damage.
 */
import fc from "fast-check";

/** Any text at all, long ones and all of Unicode among them. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.array(fc.constantFrom(...' \n\t:;,-/|.[]%0AFf\\="'), { maxLength: 200 })
    .map((characters) => characters.join("")),
);

/** A text with some of it cut out, doubled or replaced. */
export function damaged(text: string): fc.Arbitrary<string> {
  const cut = fc.tuple(fc.nat(text.length), fc.nat(8), fc.string());
  return fc.array(cut, { maxLength: 4 }).map((cuts) =>
    cuts.reduce(
      (rest, [at, length, insert]) =>
        rest.slice(0, at) + insert + rest.slice(at + length),
      text,
    )
  );
}

/** JSON with the given keys more often than others. */
export function jsonWith(...keys: string[]): fc.Arbitrary<unknown> {
  const value = fc.oneof(
    fc.jsonValue(),
    fc.double(),
    fc.constantFrom("settled", "restored", "a", "-1", "", 0, 5, 1e309, -0),
  );
  const key = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...keys) },
    { weight: 1, arbitrary: fc.string() },
  );
  return fc.oneof(fc.dictionary(key, value), value);
}
