/**
 * The files of the journal: one per change, in the order in which the changes
 * were recorded.
 * @module
 */
import {
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { hasCode } from "../util/errors.ts";

const NAME = /^(\d{8})-([a-z]+)\.json$/;

/** What was changed, as JSON; only its own repairer understands it. */
export type Change = Readonly<Record<string, unknown>>;

/** A change that is written down. */
export interface Recorded {
  /** Replaces what is written. */
  update(change: Change): void;
  /** The change is undone. */
  erase(): void;
}

/** One file of the journal. */
export interface Entry {
  /** Its place in the order of the entries. */
  readonly at: number;
  readonly kind: string;
  readonly path: string;
}

/** The entry with this place and this kind; it need not exist yet. */
export function entryAt(directory: string, at: number, kind: string): Entry {
  const name = `${String(at).padStart(8, "0")}-${kind}.json`;
  return { at, kind, path: join(directory, name) };
}

/**
 * Entries in the order in which they were made, none if there is no directory.
 * A file that was not written to its end has another name and is no entry.
 */
export function entriesOf(directory: string): Entry[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
  return names.flatMap((name) => {
    const [, at, kind] = NAME.exec(name) ?? [];
    return kind === undefined
      ? []
      : [{ at: Number(at), kind, path: join(directory, name) }];
  }).sort((a, b) => a.at - b.at);
}

/** The change of an entry, undefined if the file holds no JSON object. */
export function readEntry({ path }: Entry): Change | undefined {
  const text = readFileSync(path, "utf8");
  try {
    const change = JSON.parse(text);
    const isObject = typeof change === "object" && change !== null &&
      !Array.isArray(change);
    return isObject ? change : undefined;
  } catch {
    return undefined;
  }
}

/** Writes and erases one entry; an erased entry is not written again. */
export function recordedAt({ path }: Entry): Recorded {
  let erased = false;
  return {
    update(change) {
      // News of a change that was undone already must not bring it back.
      if (erased) return;
      writeFileSync(`${path}.new`, JSON.stringify(change), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    erase() {
      erased = true;
      rmSync(path, { force: true });
    },
  };
}
