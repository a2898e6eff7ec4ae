/**
 * Parses the names and addresses that users write for the option `dialects`.
 * @module
 */
import type { ListenAddress } from "../runtime/types.ts";
import { parseListen } from "./address.ts";
import { refuse } from "./error.ts";

/** The dialects, and whether each one is spoken over HTTP. */
const DIALECTS = { wrenn: true, e2b: true, "qemu-ga": false } as const;

/** The name of a dialect. */
export type DialectName = keyof typeof DIALECTS;

/** The names of the dialects. */
export const DIALECT_NAMES = Object.keys(DIALECTS) as readonly DialectName[];

/** One dialect that is switched on. */
export interface DialectChoice {
  readonly name: DialectName;
  /** The address of a listener of its own; undefined means Lull's own listeners. */
  readonly at?: ListenAddress;
}

/** The accepted forms of a dialect, for help and error texts. */
export const DIALECT_FORM = `names (${
  DIALECT_NAMES.join(", ")
}) or NAME@ADDRESS`;

/** Parses NAME or NAME@ADDRESS. Returns undefined for any other text. */
export function parseDialect(text: string): DialectChoice | undefined {
  const [word, ...rest] = text.split("@");
  const name = DIALECT_NAMES.find((one) => one === word);
  if (name === undefined) return undefined;
  if (rest.length === 0) return { name };
  const at = DIALECTS[name] ? parseListen(rest.join("@")) : undefined;
  return at && { name, at };
}

/** The dialects that both answer POST /init and GET /metrics, each in its own way. */
const RIVALS: readonly DialectName[] = ["wrenn", "e2b"];

/** Throws a ConfigError if two dialects of the list cannot share their listener. */
export function refuseRivals(dialects: readonly string[]): void {
  const taken = new Map<string, string>();
  for (const text of dialects) {
    const name = parseDialect(text)?.name;
    if (name === undefined || !RIVALS.includes(name)) continue;
    const place = text.slice(name.length);
    const other = taken.get(place);
    if (other !== undefined && other !== name) {
      refuse(
        `the dialects ${other} and ${name} on one listener`,
        `both answer POST /init and GET /metrics; give one a listener of its own, for example --dialects=${other},${name}@0.0.0.0:49984`,
      );
    }
    taken.set(place, name);
  }
}
