/**
 * Asks filesystems for their size, on threads of the runtime's pool. On a small machine, Bun's pool
 * has two threads, and a question that is never answered holds one of them.
 * @module
 */
import type { StatsFs } from "node:fs";
import { nodeFsPromises } from "../util/lazy_builtins.ts";
import { within } from "../util/within.ts";

/** The questions that have no answer yet, by their filesystems. */
const asked = new Map<string, Promise<StatsFs>>();

/**
 * Reads the size of the filesystem at the path: statfs(2). Undefined if it does not answer within the
 * limit, in milliseconds. It is not asked again while a question has no answer; `id` is what tells it
 * from other filesystems. Rejects if there is no such path.
 */
export async function filesystemSize(
  path: string,
  limitMs: number,
  id = path,
  ask: (path: string) => Promise<StatsFs> = nodeFsPromises().statfs,
): Promise<StatsFs | undefined> {
  let answer = asked.get(id);
  if (answer === undefined) {
    answer = ask(path);
    asked.set(id, answer);
    const answered = () => void asked.delete(id);
    answer.then(answered, answered);
  }
  const ended = await within(answer, { limitMs });
  return "value" in ended ? ended.value : undefined;
}
