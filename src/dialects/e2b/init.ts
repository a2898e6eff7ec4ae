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
import type { Recovery } from "../../lifecycle/reports.ts";
import type { RecoverRequest } from "../../lifecycle/request.ts";
import { errorText } from "../../util/errors.ts";
import { isJsonObject } from "../../util/json_input.ts";
import type { DialectContext } from "../dialect.ts";
import { environmentOf } from "../environment.ts";
import { failIfLeft } from "./freeze.ts";
import { Refused, type Request } from "./route.ts";
import { clockData, parseTimestamp } from "./timestamp.ts";
import type { AccessToken } from "./token.ts";

/** The file of the runtime directory that keeps the data which only the guest can apply. */
const KEPT_FILE = "e2b.json";

const Text = v.nullish(v.string("a text"));

/** The body. Fields that a later host adds are kept, and the reply says that they are not applied. */
const InitBody = v.pipe(
  v.custom<Readonly<Record<string, unknown>>>(isJsonObject, "a JSON object"),
  v.looseObject({
    accessToken: Text,
    defaultUser: Text,
    defaultWorkdir: Text,
    envVars: v.nullish(v.record(v.string(), v.string("a text"))),
    timestamp: v.nullish(v.pipe(
      v.string("a time of RFC 3339"),
      v.check(
        (text) => parseTimestamp(text) !== undefined,
        "a time of RFC 3339",
      ),
    )),
    volumeMounts: v.nullish(v.array(v.unknown(), "a list")),
  }),
);

type InitBody = v.InferOutput<typeof InitBody>;

/** What became of the data of a call. */
interface Kept {
  /** The names of the fields that are not applied. */
  readonly notApplied: string[];
  /** All variables, for the recovery. */
  readonly env?: RecoverRequest["env"];
}

/** Makes the handler. Between two calls it knows only the last timestamp. */
export function initHandler(
  context: DialectContext,
  token: AccessToken,
): (c: Request) => Promise<Response> {
  const { lifecycle } = context;
  let last: bigint | undefined;
  return async (c) => {
    const receivedAt = performance.now();
    const body = await readBody(c, InitBody);
    const shown = body.accessToken || c.req.header("x-access-token");
    if (!await token.take(shown)) throw new ProblemError("token-needed");
    const time = body.timestamp ? parseTimestamp(body.timestamp) : undefined;
    const isStale = time !== undefined && last !== undefined && time.ns <= last;
    if (!isStale) last = time?.ns ?? last;
    const { notApplied, env }: Kept = isStale
      ? { notApplied: [] }
      : keepData(context, body);
    const request: RecoverRequest = {
      ...await beginCall(c, "recover"),
      ...!isStale && time && clockData(time, receivedAt),
      env,
    };
    // A call whose caller has gone goes on here, and the next attempt joins the recovery.
    const { recovery, notApplied: late } = await lifecycle.recover(
      { trigger: "recover" },
      request,
    );
    if (late.includes("hostTime")) notApplied.push("timestamp");
    if (late.includes("env")) notApplied.push("envVars");
    if (notApplied.length > 0) {
      c.header("lull-not-applied", notApplied.join(", "));
    }
    const audit = auditOf(recovery ?? lifecycle.lastRecovery);
    if (audit !== undefined) c.header("x-envd-freeze-audit", audit);
    failIfLeft(recovery?.steps ?? [], "workload");
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
  const notApplied = [
    ...["caBundle", "hyperloopIP"].filter((name) => kept[name]),
    ...given.some(([name]) => !KNOWN.includes(name)) ? ["others"] : [],
  ];
  try {
    if (given.length > 0) {
      const path = join(runtimeDirectory, KEPT_FILE);
      const text = JSON.stringify(Object.fromEntries(given));
      writeFileSync(`${path}.new`, `${text}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    }
    const { env, refused } = environmentOf(runtimeDirectory, envVars, {
      ...{ defaultUser, defaultWorkdir },
    });
    if (refused.length === 0) return { notApplied, env };
    log.warn("variables of the host were not kept: no program can read them", {
      count: refused.length,
    });
    return { notApplied: ["envVars", ...notApplied], env };
  } catch (error) {
    // The guest thaws nevertheless.
    log.error("the data of the host could not be kept", {
      error: errorText(error),
    });
    return { notApplied: [...new Set(["envVars", ...notApplied, "others"])] };
  }
}

/** The kept fields that E2B's host sends today. Only these names may be in a reply. */
const KNOWN = ["caBundle", "hyperloopIP", "lifecycleID"];

/** The audit of the freeze that a recovery ended; undefined if there was none. */
function auditOf(recovery: Recovery | undefined): string | undefined {
  const undo = recovery?.steps.find(({ name }) => name === "workload");
  const audit = undo?.effect?.audit;
  return audit === undefined ? undefined : JSON.stringify(audit);
}
