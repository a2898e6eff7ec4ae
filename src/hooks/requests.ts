/**
 * Hook requests: an empty POST to a program in the guest, with the facts as
 * headers.
 * @module
 */
import { nodeHttp } from "../util/lazy_builtins.ts";
import { obstacleTo } from "../linux/obstacle.ts";
import { errorText, hasCode, since } from "../util/errors.ts";
import { deadline, type Ended, reasonOf } from "./deadline.ts";
import {
  asHeaders,
  type HookEvent,
  type HookResult,
  type Limits,
} from "./hook.ts";
import { OUTPUT, Output } from "./output.ts";
import type { Target } from "./target.ts";

/** What connect(2) alone fails with: no program listens there. */
const UNREACHED: readonly string[] = ["ECONNREFUSED", "ENOENT"];

type Answer =
  | { readonly status: number }
  | { readonly error: unknown }
  | { readonly ended: Ended };

/**
 * Posts, and waits for the whole answer; anything but 2xx is a failure, a
 * redirect too. On a connection of its own, so that none is left idle. Never
 * throws.
 */
export async function postHook(
  target: Target,
  facts: HookEvent,
  limits: Limits,
): Promise<Omit<HookResult, "name" | "kind">> {
  const start = performance.now();
  const obstacle = obstacleOf(target);
  if (obstacle !== undefined) {
    const reason = `Cannot post to ${nameOf(target)}: ${obstacle}`;
    return { status: "failed", ms: since(start), reason, reached: false };
  }
  const output = new Output();
  const answer = await post(target, facts, limits, output)
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
      reason: `answered ${httpStatus}`,
    };
}

function post(
  target: Target,
  facts: HookEvent,
  limits: Limits,
  output: Output,
): Promise<Answer> {
  return new Promise((resolve) => {
    const end = (answer: Answer) => {
      off();
      resolve(answer);
    };
    const sent = nodeHttp().request({
      ...target,
      method: "POST",
      agent: false,
      headers: {
        ...asHeaders(facts),
        "content-length": 0,
        connection: "close",
      },
    }, (response) => {
      response.on("data", (bytes: Uint8Array) => output.add(bytes));
      response.on("end", () => end({ status: response.statusCode ?? 0 }));
      response.on("error", (error) => end({ error }));
      response.on(
        "aborted",
        () => end({ error: new Error("the answer broke off") }),
      );
    });
    const off = deadline(limits, (ended) => {
      end({ ended });
      sent.destroy();
    });
    sent.on("error", (error) => end({ error }));
    sent.end();
  });
}

/** Why nothing may connect to a target: connect(2) may wait for ever, in words. */
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
