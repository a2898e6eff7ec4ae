/**
 * What the checks of `lull conformance` expect of replies. Each throws an Error that says what is not
 * as it should be.
 * @module
 */
import type { Reply } from "./conformance_agent.ts";

/** The operation that the checks begin. */
export const OPERATION = "conformance";

/** The value must be this one. */
export function same(found: unknown, wanted: unknown, what: string): void {
  if (found === wanted) return;
  throw new Error(
    `${what} is ${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
  );
}

/** The reply must have this status. */
export function expect({ status, text }: Reply, wanted: number): void {
  if (status === wanted) return;
  throw new Error(
    `the status is ${status}, not ${wanted}: ${text.slice(0, 80)}`,
  );
}

/** No cache may keep the reply. */
export function expectNoStore({ headers }: Reply): void {
  same(headers.get("cache-control"), "no-store", "the header Cache-Control");
}

/** The reply must name the operation of the checks. */
export function expectOperation({ headers }: Reply): void {
  same(headers.get("lull-operation"), OPERATION, "the header Lull-Operation");
}

/** The reply must be a problem document (RFC 9457) with a type and the state of the agent. */
export function expectProblem(reply: Reply, status: number): void {
  expect(reply, status);
  const type = reply.headers.get("content-type") ?? "";
  same(type.split(";")[0], "application/problem+json", "the content type");
  same(typeof reply.json().type, "string", "the type of `type`");
  same(typeof reply.json().state, "string", "the type of `state`");
}
