/**
 * A host that calls the agent as E2B's orchestrator does: short attempts, each with a new timestamp.
 */
import type { TestAgent } from "./agent.ts";
import { Raw, type RawResponse } from "./raw.ts";
import { sleep } from "../../src/util/wait.ts";

/** Milliseconds of one attempt, and between two. */
const ATTEMPT_MS = 50;
const PAUSE_MS = 5;
/** Milliseconds after which the host gives up. */
const LIMIT_MS = 60_000;

/** What the attempts of POST /init came to. */
export interface Inits {
  readonly reply: RawResponse;
  /** How many attempts ended without a reply. */
  readonly aborted: number;
}

/** Calls POST /init until the first reply, as the host does after a resume. */
export async function initUntilReply(
  agent: Pick<TestAgent, "port">,
  fields: Readonly<Record<string, unknown>> = {},
): Promise<Inits> {
  const end = performance.now() + LIMIT_MS;
  for (let aborted = 0; performance.now() < end; aborted++) {
    const timestamp = new Date().toISOString();
    const body = JSON.stringify({ ...fields, timestamp });
    const raw = await Raw.open(agent.port);
    try {
      raw.request("POST", "/init", body, { connection: "close" });
      return { reply: await raw.response(ATTEMPT_MS), aborted };
    } catch {
      // No reply in time: the next attempt.
    } finally {
      raw.destroy();
    }
    await sleep(PAUSE_MS);
  }
  throw new Error("Cannot init: no attempt got a reply");
}
