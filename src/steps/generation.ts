/**
 * Repair: the generation, where programs can read and watch it, and where a
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
import type { Repair } from "../lifecycle/step.ts";
import {
  encode,
  ExpectedDocument,
  GenerationDocument,
  type PublishedGeneration,
  type Untimed,
} from "./generation_document.ts";

const NAME = "generation";
/** What stands in a file that is ready, until a document is written over it. */
const PLACE = "\n";
/** Comes before all that a recovery publishes. */
const NOTHING: Untimed = { generation: 0, operation: "", outcome: "restored" };

/**
 * What the last recovery published into this directory, undefined if there was
 * none since the boot. Throws where the file cannot be read or is not ours.
 */
export function readGeneration(
  directory: string,
): PublishedGeneration | undefined {
  const path = join(directory, NAME);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as { code?: string }).code === "ENOENT") return undefined;
    throw new Error(
      `Cannot read the generation: ${(error as Error).message}`,
      { cause: error },
    );
  }
  try {
    return v.parse(GenerationDocument, JSON.parse(text));
  } catch (error) {
    throw new Error(
      `Cannot read the generation: ${path} holds another document`,
      { cause: error },
    );
  }
}

/** The generation of a killed or restarted agent goes on, or it is told why not. */
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

/** The file that tells programs of the generation. */
export class GenerationFile {
  readonly path: string;
  readonly #nextPath: string;
  /**
   * What the next recovery publishes, if it ends as they mostly do. There is always
   * one: V8 forgets what objects look like of which there is none.
   */
  #expected = new ExpectedDocument(NOTHING, 0);
  /** The descriptor of the file that will take its place. */
  #next: number | undefined;
  /** Those of files that were published, the last one last. */
  readonly #published: number[] = [];

  constructor(directory: string) {
    this.path = join(directory, NAME);
    this.#nextPath = `${this.path}.new`;
  }

  /** Gets the document of a restore ready while nobody waits. */
  expect(operation: string, generation: number): void {
    const document = { generation, operation, outcome: "restored" } as const;
    this.#expected = new ExpectedDocument(document, Date.now());
  }

  /**
   * Opens what the next document will be written into, while nobody waits and
   * no filesystem is frozen, and gives it its first page. Lets go of what was
   * published, but for the last: while that is open, whoever takes its place
   * need not wait until the kernel has freed it. Where it fails, publishing
   * says why.
   */
  ready(): void {
    if (this.#next !== undefined) closeSync(this.#next);
    this.#next = undefined;
    while (this.#published.length > 1) closeSync(this.#published.shift()!);
    try {
      this.#next = openSync(this.#nextPath, "w", 0o644);
      writeSync(this.#next, PLACE, 0);
    } catch {
      // No directory yet, or it is gone: publishing makes it.
    }
  }

  /**
   * Publishes whole or not at all: readers never see half a document. In a dry run, the document
   * is written into the file that would take the place of the published one, and stays there.
   */
  publish(document: Untimed, dryRun = false): void {
    const now = Date.now();
    const bytes = this.#expected.at(document, now) ?? encode(document, now);
    if (this.#publishInto(this.#next, bytes, dryRun)) return;
    const next = this.#nextPath;
    try {
      writeFileSync(next, bytes);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT") throw error;
      mkdirSync(dirname(next), { recursive: true, mode: 0o755 });
      writeFileSync(next, bytes);
    }
    if (!dryRun) renameSync(next, this.path);
  }

  /** False where it has to be done from the beginning, for whatever reason. */
  #publishInto(
    next: number | undefined,
    bytes: Uint8Array,
    dryRun: boolean,
  ): boolean {
    if (next === undefined) return false;
    this.#next = undefined;
    try {
      if (writeSync(next, bytes) !== bytes.length) return false;
      if (!dryRun) renameSync(this.#nextPath, this.path);
      return true;
    } catch {
      return false; // somebody has removed it meanwhile, or the disk is full
    } finally {
      this.#published.push(next);
    }
  }

  /** Closes whatever is open. */
  close(): void {
    if (this.#next !== undefined) this.#published.push(this.#next);
    this.#next = undefined;
    for (const fd of this.#published.splice(0)) closeSync(fd);
  }
}

/** Effect: `generation`, `path`. Comes after the clock, whose time it tells. */
export function generationRepair(file: GenerationFile): Repair {
  return {
    repair({ generation, operation, outcome, dryRun }) {
      file.publish({ generation, operation, outcome }, dryRun);
      return { generation, path: file.path };
    },
  };
}
