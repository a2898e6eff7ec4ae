/**
 * Repair: the generation, where programs can read and watch it, and where a
 * restarted agent finds it again.
 * @module
 */
import {
  mkdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import * as v from "valibot";
import type { Repair } from "../lifecycle/step.ts";

const NAME = "generation";

/** What the file holds, as JSON. */
const Published = v.object({
  /** Grows by one at every recovery; none is 0. */
  generation: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  /** The operation that the recovery ended, and how. */
  operation: v.string(),
  outcome: v.picklist(["restored", "resumed", "expired", "aborted"]),
  /** The wall clock as it was published, RFC 3339. */
  time: v.string(),
});

/** The document in the file. */
export type PublishedGeneration = v.InferOutput<typeof Published>;

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
    return v.parse(Published, JSON.parse(text));
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

/** Publishes whole or not at all: readers never see half a document. */
export function publishGeneration(
  directory: string,
  document: PublishedGeneration,
): void {
  publish(join(directory, NAME), document);
}

/**
 * Throws where nothing can be published into this directory. The code that the
 * first recovery needs has then run once, and is in memory when its caller waits.
 */
export function tryPublishing(directory: string): void {
  const path = join(directory, `${NAME}.try`);
  publish(path, {});
  unlinkSync(path);
}

function publish(path: string, document: Partial<PublishedGeneration>): void {
  const text = `${JSON.stringify(document)}\n`;
  try {
    writeFileSync(`${path}.new`, text);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") throw error;
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(`${path}.new`, text);
  }
  renameSync(`${path}.new`, path); // rename(2) is atomic
}

/** Effect: `generation`, `path`. Comes after the clock, whose time it tells. */
export function generationRepair(directory: string): Repair {
  return {
    name: "generation",
    limitMs: 5000,
    repair({ generation, operation, outcome }) {
      const time = new Date().toISOString();
      publishGeneration(directory, { generation, operation, outcome, time });
      return { generation, path: join(directory, NAME) };
    },
  };
}
