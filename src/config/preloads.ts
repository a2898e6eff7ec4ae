/**
 * The names of the preloads, which reseed the random numbers of programs in a fork.
 * @module
 */
import { type FlagToken, textOf } from "./arguments.ts";
import { refuseValue } from "./error.ts";

/** All preloads. */
export const PRELOADS = [
  ...["python", "node", "node-openssl", "bun", "deno"] as const,
];

/** The name of a preload. */
export type PreloadName = typeof PRELOADS[number];

/** The preloads that the flag lists, each once; undefined if the flag is not given. */
export function preloadsOf(
  flag: FlagToken | undefined,
): readonly PreloadName[] | undefined {
  const expected = `a list of ${PRELOADS.join(", ")}`;
  const text = textOf(flag, expected);
  if (text === undefined) return undefined;
  return [...new Set(text.split(","))].map((word) => {
    const name = PRELOADS.find((preload) => preload === word);
    return name ?? refuseValue(flag!.rawName, expected, text);
  });
}
