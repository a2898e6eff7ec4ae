/**
 * Repair: publishes the generation in a file, where programs can read and watch it and where a
 * restarted agent finds it again.
 * @module
 */
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import { OUTCOMES } from "../lifecycle/request.ts";
import type { Repair } from "../lifecycle/step.ts";
import { hasCode, messageOf, resultUnless } from "../util/errors.ts";

const NAME = "generation";
/** What is in a file that is ready; a document is longer and overwrites it. */
const FIRST_PAGE = "\n";

/** The document in the file, as JSON. */
const GenerationDocument = v.object({
  /** Grows by one at every recovery; 0 before the first one. */
  generation: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** The operation that the recovery ended, and its outcome. */
  operation: v.string(),
  outcome: v.picklist(OUTCOMES),
  /** The wall clock at the time of publishing, RFC 3339. */
  time: v.string(),
});

/** The document in the file. */
type PublishedGeneration = v.InferOutput<typeof GenerationDocument>;

/** The document before its time is known. */
type Untimed = Readonly<Omit<PublishedGeneration, "time">>;

/**
 * Reads what the last recovery published into this directory; undefined if there was no recovery
 * since the boot. Throws if the file cannot be read or holds something else.
 */
export function readGeneration(
  directory: string,
): PublishedGeneration | undefined {
  const path = join(directory, NAME);
  let text: string | undefined;
  try {
    text = resultUnless(["ENOENT"], () => readFileSync(path, "utf8"));
  } catch (cause) {
    const why = messageOf(cause);
    throw new Error(`Cannot read the generation: ${why}`, { cause });
  }
  if (text === undefined) return undefined;
  try {
    return v.parse(GenerationDocument, JSON.parse(text));
  } catch (cause) {
    const why = `${path} holds another document`;
    throw new Error(`Cannot read the generation: ${why}`, { cause });
  }
}

/**
 * Reads the generation that a former agent published. If there is none, or if it cannot be read,
 * the generation is 0; `onError` gets why it cannot be read.
 */
export function lastGeneration(
  directory: string,
  onError: (error: unknown) => void,
): number {
  try {
    return readGeneration(directory)?.generation ?? 0;
  } catch (error) {
    onError(error);
    return 0;
  }
}

/** Publishes the generation to programs in the guest, in a file. */
export class GenerationFile {
  readonly path: string;
  readonly #nextPath: string;
  /** The descriptor of the file that the next document is written into. */
  #next: number | undefined;
  /** The descriptors of published files, the last one last. */
  readonly #published: number[] = [];

  constructor(directory: string) {
    this.path = join(directory, NAME);
    this.#nextPath = `${this.path}.new`;
  }

  /**
   * Opens the file that the next document is written into, so that a recovery publishes even if it
   * finds no free descriptor. If the file cannot be opened now, {@linkcode publish} opens it.
   *
   * The file gets its first page here, and the last published file stays open, so that rename(2)
   * does not free it while a caller waits: this saves 0.13 ms of the 2.4 ms of CPU time of a health
   * check that recovers (binary, native, medians).
   */
  ready(): void {
    if (this.#next !== undefined) closeSync(this.#next);
    this.#next = undefined;
    while (this.#published.length > 1) closeSync(this.#published.shift()!);
    try {
      this.#next = openSync(this.#nextPath, "w", 0o644);
      writeSync(this.#next, FIRST_PAGE, 0);
    } catch {
      // The directory does not exist yet: publish creates it.
    }
  }

  /**
   * Publishes the document by rename(2): readers see the whole former document or the whole new
   * one. In a dry run, the document stays in the file that would replace the published one.
   */
  publish(document: Untimed, dryRun = false): void {
    const time = new Date().toISOString();
    const text = `${JSON.stringify({ ...document, time })}\n`;
    const bytes = new TextEncoder().encode(text);
    if (this.#publishOpened(bytes, dryRun)) return;
    try {
      writeFileSync(this.#nextPath, bytes);
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
      mkdirSync(dirname(this.path), { recursive: true, mode: 0o755 });
      writeFileSync(this.#nextPath, bytes);
    }
    if (!dryRun) renameSync(this.#nextPath, this.path);
  }

  /** Publishes through the opened file; false if there is none, or if that failed. */
  #publishOpened(bytes: Uint8Array, dryRun: boolean): boolean {
    if (this.#next === undefined) return false;
    try {
      if (writeSync(this.#next, bytes, 0, bytes.length, 0) !== bytes.length) {
        return false;
      }
      if (!dryRun) renameSync(this.#nextPath, this.path);
      return true;
    } catch {
      return false; // another program removed the file, or the disk is full
    } finally {
      this.#published.push(this.#next);
      this.#next = undefined;
    }
  }

  /** Closes all files. */
  close(): void {
    if (this.#next !== undefined) this.#published.push(this.#next);
    this.#next = undefined;
    for (const fd of this.#published.splice(0)) closeSync(fd);
  }
}

/** Effect: `generation`, `path`. Runs after the clock's repair, because it publishes the time. */
export function generationRepair(file: GenerationFile): Repair {
  return {
    repair({ generation, operation, outcome, dryRun }) {
      file.publish({ generation, operation, outcome }, dryRun);
      return { generation, path: file.path };
    },
  };
}
