/**
 * The commands that follow the state: `watch` and `wait`.
 * @module
 */
import { UnreachableError } from "../client/errors.ts";
import type { LullClient } from "../client/mod.ts";
import { sleep } from "../util/wait.ts";
import type { CommandContext } from "./context.ts";

/** Milliseconds until the next question to a guest that runs. */
const RUNNING_MS = 100;

/**
 * Milliseconds until the first question to a quiesced guest that keeps no stream open, and the longest
 * time between two. A question wakes the guest, so each waits twice as long as the one before. A
 * question to a paused guest waits on the host, and is answered after the restore.
 */
const QUIESCED_MS = 2000;
const LONGEST_QUIESCED_MS = 30_000;

/** Milliseconds until the next look at a guest that prepares, and the longest such pause. */
const FIRST_LOOK_MS = 20;
const LONGEST_LOOK_MS = 500;

/** Prints each change of the state until the time limit, if there is one, or without end. */
export async function watch(context: CommandContext): Promise<boolean> {
  const { client, flags, isJson, print, timeoutMs } = context;
  const signal = flags.text("timeout") === undefined
    ? undefined
    : AbortSignal.timeout(timeoutMs);
  let before = "";
  let reached = false;
  let quiesced = QUIESCED_MS;
  while (signal?.aborted !== true) {
    let isKept = false;
    const onRetry = (ms: number) => void (isKept = ms <= RUNNING_MS);
    try {
      for await (const event of client.events(signal, onRetry)) {
        reached = true;
        const text = JSON.stringify(event);
        if (text === before) continue;
        before = text;
        const { operation = "-", generation } = event;
        print(
          isJson
            ? text
            : `${new Date().toISOString()}  ${
              event.state.padEnd(10)
            }  generation ${generation}  ${operation}`,
        );
      }
    } catch (error) {
      // A machine that is paused or restored is away for a while.
      if (!reached || !(error instanceof UnreachableError)) throw error;
    }
    if (isKept) {
      quiesced = QUIESCED_MS;
      await sleep(RUNNING_MS, signal);
    } else {
      await sleep(quiesced, signal);
      quiesced = Math.min(2 * quiesced, LONGEST_QUIESCED_MS);
    }
  }
  if (!reached) {
    throw new UnreachableError("Cannot watch: no event within the time limit");
  }
  return true;
}

/** Waits until the guest has a state; false when the time limit is reached. */
export async function wait(context: CommandContext): Promise<boolean> {
  const { client, flags, isJson, print, timeoutMs } = context;
  const wanted = flags.word("for", [
    ...["running", "ready", "quiesced", "settled"] as const,
  ]);
  if (wanted === undefined) throw flags.missing("for", "STATE");
  const signal = AbortSignal.timeout(timeoutMs);
  let unreachable: unknown;
  let pause = FIRST_LOOK_MS;
  while (!signal.aborted) {
    try {
      const { state, settled, generation, ready } = await client.status();
      unreachable = undefined;
      const reached = { [state]: true, settled, ready: ready !== undefined };
      if (reached[wanted]) {
        print(
          isJson
            ? JSON.stringify({ state, settled, generation, ready })
            : `${wanted}, generation ${generation}`,
        );
        return true;
      }
      // No event tells of a program that becomes ready, or of the end of the settle.
      const isFollowed = wanted === "running" ||
        state === "running" && wanted !== "ready";
      if (isFollowed && await nextChange(client, signal, state)) {
        pause = FIRST_LOOK_MS;
        continue;
      }
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      unreachable = error;
    }
    await sleep(pause, signal);
    pause = Math.min(2 * pause, LONGEST_LOOK_MS);
  }
  if (unreachable !== undefined) throw unreachable;
  throw new Error(`the guest is not ${wanted} within ${timeoutMs / 1000} s`);
}

/**
 * Waits until the state is another one, or until the stream ends. False if the agent asks for a
 * longer pause before the next question: the guest is quiesced, and its stream is not kept open.
 */
async function nextChange(
  client: LullClient,
  signal: AbortSignal,
  known: string,
): Promise<boolean> {
  let isKept = false;
  const onRetry = (ms: number) => void (isKept = ms <= RUNNING_MS);
  for await (const { state } of client.events(signal, onRetry)) {
    if (state !== known) return true;
  }
  if (isKept) await sleep(RUNNING_MS, signal);
  return isKept;
}
