import assert from "node:assert/strict";
import type { TestAgent } from "../support/agent.ts";

/** A problem document. */
export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  state: string;
  errors?: { path: string; expected: string }[];
}

/** Sends a request that is refused; gives the problem. */
export async function refused(
  agent: TestAgent,
  method: string,
  path: string,
  body: string,
  status: number,
  type: string,
  headers: Record<string, string> = {},
): Promise<ProblemBody> {
  const reply = await agent.ask(method, path, body, headers);
  assert.equal(reply.status, status, reply.body);
  assert.equal(
    reply.headers.get("content-type"),
    "application/problem+json",
  );
  assert.equal(reply.headers.get("cache-control"), "no-store");
  const problem = reply.json<ProblemBody>();
  assert.equal(problem.type, `urn:lull:problem:${type}`);
  assert.equal(problem.status, status);
  assert.equal(problem.state, "running");
  assert.ok(problem.title.length > 0);
  // Bad input loses nothing: the agent is as before.
  assert.equal((await agent.status()).state, "running");
  return problem;
}
