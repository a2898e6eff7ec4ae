/**
 * Errors as problem documents (RFC 9457): each has a stable type and never contains the caller's
 * input.
 * @module
 */

/** The kinds of problem that both APIs have, their status and their title. */
const SHARED = {
  "invalid-input": [400, "The request has a wrong value"],
  "body-incomplete": [400, "The request's body did not arrive whole"],
  "not-found": [404, "There is no such route"],
  "method-not-allowed": [405, "This route has no such method"],
  "body-too-large": [413, "The request's body is too large"],
  "internal": [500, "The agent failed; its log says more"],
} as const;

/** The kinds of problem of the HTTP API. */
export const PROBLEMS = {
  ...SHARED,
  "token-needed": [401, "This call needs the token of the agent"],
  "guest-call": [403, "Programs inside the guest may not call this"],
  "browser-call": [403, "Browsers may not call this"],
  "body-timeout": [408, "The request's body did not arrive in time"],
  "other-operation": [409, "The call names another operation"],
  "other-kind": [
    409,
    "The operation under way prepares for another kind of snapshot",
  ],
  "forwards-no-ports": [409, "The agent forwards no ports"],
  "fields-not-applied": [409, "Some fields could not be applied"],
  "overtaken": [409, "A recovery overtook the settle of this prepare"],
  "ending": [503, "The agent is ending and begins no prepare"],
  "entropy-missing": [503, "The random pool is still that of other forks"],
  "not-renewed": [503, "Items of the identity are still those of other forks"],
  "prepare-failed": [503, "The prepare failed and was undone"],
} as const;

/** The kinds of problem on the socket for programs in the guest. */
const HOOK_PROBLEMS = {
  ...SHARED,
  "unknown-hook": [404, "There is no hook of that name"],
  "unknown-event": [404, "No event waits for that acknowledgement"],
  "hook-taken": [409, "Another hook has that name"],
  "too-many-hooks": [409, "There are too many hooks"],
} as const;

const ALL = { ...PROBLEMS, ...HOOK_PROBLEMS } as const;

/** A kind of problem of the HTTP API. */
export type ProblemKind = keyof typeof PROBLEMS;

/** A kind of problem on the socket for programs in the guest. */
export type HookProblemKind = keyof typeof HOOK_PROBLEMS;

/** The type of a problem of that kind, as its document names it. */
export function problemType(kind: keyof typeof ALL): string {
  return `urn:lull:problem:${kind}`;
}

/** The parts of a reply that tells of a problem; `more` has further members of its document. */
export function problemReply(
  kind: keyof typeof ALL,
  more: Readonly<Record<string, unknown>>,
) {
  const [status, title] = ALL[kind];
  return {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
    },
    body: JSON.stringify({ type: problemType(kind), title, status, ...more }),
  };
}
