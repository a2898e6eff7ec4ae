/**
 * POST /snapshot/recover
 * @module
 */
import type { Context } from "hono";
import type { Lifecycle } from "../lifecycle/lifecycle.ts";
import type { Bindings } from "../server/exchange.ts";
import { readBody, readQuery } from "./input.ts";
import { NoQuery, RecoverBody } from "./schemas.ts";

/** 200 and the report of the recovery, or that there was nothing to do. */
export async function recover(
  c: Context<{ Bindings: Bindings }>,
  lifecycle: Lifecycle,
): Promise<Response> {
  readQuery(c, NoQuery);
  const request = await readBody(c, RecoverBody);
  const recovery = await lifecycle.recover("recover", request);
  c.header("cache-control", "no-store");
  return c.json({ recovered: recovery !== undefined, recovery });
}
