/**
 * POST /init of E2B: checks the body, then the token, applies the data, and recovers.
 * @module
 */
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { beginCall } from "../../http/routes/call.ts";
import { readBody } from "../../http/routes/input.ts";
import { ProblemError } from "../../http/routes/problem.ts";
import type { RecoverRequest } from "../../lifecycle/request.ts";
import { errorText } from "../../util/errors.ts";
import type { DialectContext } from "../dialect.ts";
import {
  type Environment,
  environmentOf,
  EnvVars,
  openFields,
} from "../environment.ts";
import { failIfLeft } from "./freeze.ts";
import { Refused, type Request } from "./route.ts";
import { Audits } from "./audits.ts";
import { CallOrder, clockData, parseTimestamp } from "./timestamp.ts";
import { type AccessToken, tokenIn } from "./token.ts";

/** The file of the runtime directory that keeps the data which only the guest can apply. */
const KEPT_FILE = "e2b.json";

/** The kept fields that E2B's host sends today. Only these names may be in a reply. */
const KNOWN = ["caBundle", "hyperloopIP", "lifecycleID"];

const Text = v.nullish(v.string("a text"));

/** The body. Fields that a later host adds are kept, and the reply says that they are not applied. */
const InitBody = openFields({
  accessToken: v.nullish(v.pipe(
    v.string("a text"),
    v.check((text) => text.isWellFormed(), "a text"),
  )),
  defaultUser: Text,
  defaultWorkdir: Text,
  envVars: EnvVars,
  timestamp: v.nullish(v.pipe(
    v.string("a time of RFC 3339"),
    v.check(
      (text) => parseTimestamp(text) !== undefined,
      "a time of RFC 3339",
    ),
  )),
  volumeMounts: v.nullish(v.array(v.unknown(), "a list")),
});

type InitBody = v.InferOutput<typeof InitBody>;

/** What becomes of the data of a call. */
interface Kept {
  /** The names of the fields that are not applied. */
  readonly notApplied: Set<string>;
  /** The variables, for the recovery. */
  readonly data?: Environment["data"];
  /** The error of the call after the thaw. */
  readonly problem?: Environment["problem"];
}

/** Makes the handler. Between two calls it knows the timestamps, and the audit that replies have. */
export function initHandler(
  context: DialectContext,
  token: AccessToken,
): (c: Request) => Promise<Response> {
  const { lifecycle } = context;
  const order = new CallOrder();
  const audits = new Audits();
  return async (c) => {
    const { receivedAt } = c.env.exchange;
    const { headers } = c.req.raw;
    const body = await readBody(c, InitBody);
    const shown = body.accessToken
      ? new TextEncoder().encode(body.accessToken)
      : tokenIn(headers);
    if (!await token.take(shown)) throw new ProblemError("token-needed");
    const time = body.timestamp ? parseTimestamp(body.timestamp) : undefined;
    const isStale = time !== undefined && order.isStale(time);
    const { notApplied, data, problem }: Kept = isStale
      ? { notApplied: new Set() }
      : keepData(context, body);
    const request: RecoverRequest = {
      ...await beginCall(c, "recover"),
      ...!isStale && time && clockData(time, receivedAt),
      ...data,
    };
    // A call whose caller has gone goes on here, and the next attempt joins the recovery.
    const { recovery, notApplied: late } = await lifecycle.recover(
      { trigger: "recover" },
      request,
    );
    if (late.includes("hostTime")) notApplied.add("timestamp");
    if (late.includes("env")) notApplied.add("envVars");
    if (notApplied.size > 0) {
      c.header("lull-not-applied", [...notApplied].join(", "));
    }
    const audit = audits.take(recovery, lifecycle.lastRecovery);
    if (audit !== undefined) c.header("x-envd-freeze-audit", audit);
    failIfLeft(recovery?.steps ?? []);
    if (problem !== undefined) throw problem;
    if (body.volumeMounts && body.volumeMounts.length > 0) {
      throw new Refused(
        400,
        "Cannot mount volumes: this agent does not support volumeMounts",
      );
    }
    return c.body(null, 204);
  };
}

/**
 * Keeps what only the guest can apply in a file that only root may read. Returns the variables for the
 * recovery, and the names of the fields that are not applied.
 */
function keepData(
  { config, log }: DialectContext,
  body: InitBody,
): Kept {
  const { runtimeDirectory } = config;
  const { envVars, defaultUser, defaultWorkdir, ...others } = body;
  const { accessToken: _, timestamp: __, volumeMounts: ___, ...kept } = others;
  const given = Object.entries(kept).filter(([, value]) => value != null);
  const { data, refused, problem } = environmentOf(
    envVars,
    { defaultUser, defaultWorkdir },
    runtimeDirectory,
  );
  const notApplied = new Set([
    ...refused > 0 ? ["envVars"] : [],
    ...["caBundle", "hyperloopIP"].filter((name) => kept[name]),
    ...given.some(([name]) => !KNOWN.includes(name)) ? ["others"] : [],
  ]);
  if (refused > 0) {
    log.warn("variables of the host were not kept: no program can read them", {
      count: refused,
    });
  }
  try {
    if (given.length > 0) {
      const path = join(runtimeDirectory, KEPT_FILE);
      const text = JSON.stringify(Object.fromEntries(given));
      writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    }
  } catch (error) {
    // The guest thaws nevertheless.
    log.error("the data of the host could not be kept", {
      error: errorText(error),
    });
    notApplied.add("others");
  }
  return { notApplied, data, problem };
}
