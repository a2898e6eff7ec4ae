/**
 * The files of the journal: one per change, in the order in which the changes
 * were recorded.
 * @module
 */
import {
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { resultUnless } from "../util/errors.ts";
import { isJsonObject } from "../util/json_input.ts";

/** The name of an entry's file: its position and its kind, which may have dashes. */
const NAME = /^(\d{8})-([a-z-]+)\.json$/;

/** A change, as JSON. Only the repairer of its kind reads its fields. */
export type Change = Readonly<Record<string, unknown>>;

/** A recorded change. */
export interface Recorded {
  /** Replaces the recorded change. */
  update(change: Change): void;
  /** Removes the entry, because the change is undone. */
  erase(): void;
}

/** One file of the journal. */
export interface Entry {
  /** The position of the entry in the order of the journal. */
  readonly at: number;
  readonly kind: string;
  readonly path: string;
}

/** The entry at this position and of this kind; its file need not exist. */
export function entryAt(directory: string, at: number, kind: string): Entry {
  const name = `${String(at).padStart(8, "0")}-${kind}.json`;
  return { at, kind, path: join(directory, name) };
}

/**
 * The entries, in the order in which they were recorded; none if the directory does
 * not exist. A file that was not written completely has another name and is ignored.
 */
export function entriesOf(directory: string): Entry[] {
  const names = resultUnless(["ENOENT"], () => readdirSync(directory));
  return (names ?? []).flatMap((name) => {
    const [, at, kind] = NAME.exec(name) ?? [];
    return kind === undefined
      ? []
      : [{ at: Number(at), kind, path: join(directory, name) }];
  }).sort((a, b) => a.at - b.at);
}

/** The change of an entry; undefined if the file does not contain a JSON object. */
export function readEntry({ path }: Entry): Change | undefined {
  const text = readFileSync(path, "utf8");
  try {
    const change = JSON.parse(text);
    return isJsonObject(change) ? change : undefined;
  } catch {
    return undefined;
  }
}

/** Writes and erases one entry; an erased entry is not written again. */
export function recordedAt({ path }: Entry): Recorded {
  let erased = false;
  return {
    update(change) {
      // A late update must not record a change again that is undone.
      if (erased) return;
      writeFileSync(`${path}.new`, JSON.stringify(change), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    erase() {
      erased = true;
      resultUnless(["ENOENT"], () => unlinkSync(path));
    },
  };
}
