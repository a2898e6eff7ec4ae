/**
 * What the agent has changed outside itself, written down before it changes it,
 * so that an agent that was killed leaves nothing frozen: the next one takes it
 * back before it listens.
 *
 * Each change is a file of its own, written beside its place and renamed: a kill
 * at any moment leaves the old text or the new one. Nothing is synced to a disk:
 * what it tells of (a frozen cgroup, a frozen mount) lives in the kernel's memory
 * and so does a file that was written, until the machine itself ends.
 * @module
 */
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { messageOf, since } from "./step.ts";

/** What was changed, as JSON; only its own repairer understands it. */
export type Change = Readonly<Record<string, unknown>>;

/** A change that is written down. */
export interface Recorded {
  /** Replaces what is written. */
  update(change: Change): void;
  /** The change is taken back. */
  erase(): void;
}

/** The journal as steps use it. */
export interface Recorder {
  /** Writes a change down; it may be made once this returns. */
  record(kind: string, change: Change): Recorded;
}

const ENTRY = /^(\d{8})-([a-z]+)\.json$/;

/** A journal in a directory, which only its owner may read. */
export class Journal implements Recorder {
  readonly #directory: string;
  #next: number;

  /** Makes the directory; entries that are there already stay. */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      // Never renamed, so what it tells of was never done.
      if (name.endsWith(".json.new")) unlinkSync(join(directory, name));
    }
    this.#directory = directory;
    this.#next = 1 + Math.max(0, ...entriesOf(directory).map(({ at }) => at));
  }

  record(kind: string, change: Change): Recorded {
    const name = `${String(this.#next++).padStart(8, "0")}-${kind}.json`;
    const path = join(this.#directory, name);
    let erased = false;
    const update = (change: Change) => {
      // Late news of a change that was taken back must not bring it back.
      if (erased) return;
      writeFileSync(`${path}.new`, JSON.stringify(change), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    };
    update(change);
    return {
      update,
      erase() {
        if (erased) return;
        erased = true;
        unlinkSync(path);
      },
    };
  }
}

/** What became of one entry that a killed agent left. */
export interface Repaired {
  readonly kind: string;
  /** `corrupt`: it could not be read, and was set aside. */
  readonly status: "repaired" | "failed" | "corrupt";
  readonly ms: number;
  /** What was done, in the words of its repairer. */
  readonly effect?: Change;
  readonly reason?: string;
}

/** Takes one kind of change back; what it throws is reported. */
export type Repairer = (change: Change) => Promise<Change> | Change;

/**
 * Takes back whatever is written down, last change first, and never throws:
 * nothing here may keep an agent from its start. What could not be taken back
 * stays written down, for the next start to try again; what cannot be read is
 * renamed to `*.corrupt`.
 */
export async function repairAfterCrash(
  directory: string,
  repairers: Readonly<Record<string, Repairer>>,
): Promise<Repaired[]> {
  const repaired: Repaired[] = [];
  let entries: Entry[];
  try {
    entries = entriesOf(directory);
  } catch (error) {
    const reason = messageOf(error);
    return [{ kind: "journal", status: "failed", ms: 0, reason }];
  }
  for (const { name, kind } of entries.reverse()) {
    const start = performance.now();
    repaired.push({
      kind,
      ...await repairOne(join(directory, name), kind, repairers),
      ms: since(start),
    });
  }
  return repaired;
}

async function repairOne(
  path: string,
  kind: string,
  repairers: Readonly<Record<string, Repairer>>,
): Promise<Omit<Repaired, "kind" | "ms">> {
  try {
    const change = readEntry(path);
    const repairer = Object.hasOwn(repairers, kind)
      ? repairers[kind]
      : undefined;
    if (change === undefined || repairer === undefined) {
      renameSync(path, `${path}.corrupt`);
      const reason = repairer === undefined
        ? `Cannot take back ${path}: nobody knows changes of kind ${kind}`
        : `Cannot read ${path}: it is not a JSON object`;
      return { status: "corrupt", reason };
    }
    const effect = await repairer(change);
    unlinkSync(path);
    return { status: "repaired", effect };
  } catch (error) {
    return { status: "failed", reason: messageOf(error) };
  }
}

function readEntry(path: string): Change | undefined {
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

interface Entry {
  readonly at: number;
  readonly kind: string;
  readonly name: string;
}

/** Entries in the order in which they were made; a half-written one is none. */
function entriesOf(directory: string): Entry[] {
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return [];
    throw error;
  }
  return names.flatMap((name) => {
    const [, at, kind] = ENTRY.exec(name) ?? [];
    return kind === undefined ? [] : [{ at: Number(at), kind, name }];
  }).sort((a, b) => a.at - b.at);
}
