/**
 * Calls a hook by a request: an empty POST to a program in the guest, with the event
 * in headers.
 * @module
 */
import { nodeHttp } from "../util/lazy_builtins.ts";
import { obstacleTo } from "../linux/obstacle.ts";
import { errorText, hasCode, since } from "../util/errors.ts";
import { type Early, endEarly } from "../util/within.ts";
import {
  asHeaders,
  type CallLimits,
  type HookEvent,
  type HookResult,
  reasonOf,
} from "./hook.ts";
import { OUTPUT, Output } from "./output.ts";
import type { Target } from "./target.ts";

/** Error codes that only connect(2) returns: no program listens at the target. */
const UNREACHED: readonly string[] = ["ECONNREFUSED", "ENOENT"];

type Answer =
  | { readonly status: number }
  | { readonly error: unknown }
  | { readonly ended: Early };

/**
 * Posts the event and waits for the complete response. A status other than 2xx is a
 * failure, including a redirect. Uses a new connection, which is closed afterwards,
 * so that no idle connection remains. Never rejects.
 */
export async function postHook(
  target: Target,
  event: HookEvent,
  limits: CallLimits,
): Promise<Omit<HookResult, "name" | "kind">> {
  const start = performance.now();
  const obstacle = obstacleOf(target);
  if (obstacle !== undefined) {
    const reason = `Cannot post to ${nameOf(target)}: ${obstacle}`;
    return { status: "failed", ms: since(start), reason, reached: false };
  }
  const output = new Output();
  const answer = await post(target, event, limits, output)
    .catch((error: unknown) => ({ error }));
  const ms = since(start);
  if ("ended" in answer) {
    const reason = reasonOf(answer.ended, limits.limitMs);
    return { status: answer.ended, ms, reason, [OUTPUT]: output.text };
  }
  if ("error" in answer) {
    const reason = `Cannot post to ${nameOf(target)}: ${
      errorText(answer.error)
    }`;
    const failed = { status: "failed", ms, reason } as const;
    return hasCode(answer.error, ...UNREACHED)
      ? { ...failed, reached: false }
      : failed;
  }
  const httpStatus = answer.status;
  return httpStatus >= 200 && httpStatus < 300
    ? { status: "done", ms, httpStatus, [OUTPUT]: output.text }
    : {
      status: "failed",
      ms,
      httpStatus,
      [OUTPUT]: output.text,
      reason: `the program replied ${httpStatus}`,
    };
}

function post(
  target: Target,
  event: HookEvent,
  limits: CallLimits,
  output: Output,
): Promise<Answer> {
  return new Promise((resolve) => {
    const end = (answer: Answer) => {
      cancel();
      resolve(answer);
    };
    const sent = nodeHttp().request({
      ...target,
      method: "POST",
      agent: false,
      headers: {
        ...asHeaders(event),
        "content-length": 0,
        connection: "close",
      },
    }, (response) => {
      response.on("data", (bytes: Uint8Array) => output.add(bytes));
      response.on("end", () => end({ status: response.statusCode ?? 0 }));
      response.on("error", (error) => end({ error }));
      response.on(
        "aborted",
        () => end({ error: new Error("the response was incomplete") }),
      );
    });
    const cancel = endEarly(limits, (ended) => {
      end({ ended });
      sent.destroy();
    });
    sent.on("error", (error) => end({ error }));
    sent.end();
  });
}

/**
 * Why Lull does not connect to a target, undefined if it does: connect(2) may wait
 * forever if the socket's path leads through a filesystem that does not answer.
 */
function obstacleOf(target: Target): string | undefined {
  if (!("socketPath" in target)) return undefined;
  const mount = obstacleTo(target.socketPath);
  return mount && `the path leads through ${mount.mountPoint}, a filesystem ` +
      `of type ${mount.type}, which may not answer`;
}

function nameOf(target: Target): string {
  return "socketPath" in target
    ? target.socketPath
    : `${target.host} port ${target.port}`;
}
