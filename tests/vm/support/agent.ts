import type {
  PrepareReportDocument,
  RecoverReply,
  StatusDocument,
} from "../../../src/http/routes/documents.ts";
import type { Recovery } from "../../../src/lifecycle/reports.ts";
import type * as v from "valibot";
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { until } from "../../support/until.ts";
import { agentPid } from "./guest.ts";
import type { Guest } from "./guest_access.ts";
import type { Machine } from "./machine.ts";

/** What a host agent does with Lull, and what it may expect each time. */

/** The reply of a recover, and the report in it. */
type RecoverReplyDocument = v.InferOutput<typeof RecoverReply>;

/** Milliseconds to wait for what must happen: machines share a busy host. */
export const LIMIT = 120_000;

/** The reply of a health check. */
export interface Health {
  readonly version: string;
  readonly state: string;
  readonly generation: number;
}

/** Prepares as most hosts do: 204, and the settle comes after it. */
export async function prepare(machine: Machine, query = ""): Promise<string> {
  const path = `/snapshot/prepare${query && `?${query}`}`;
  const response = await machine.fetch(path, { method: "POST" });
  assert.equal(response.status, 204, await response.text());
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("connection"), "close");
  return response.headers.get("lull-operation") ?? "";
}

/** Prepares and waits for the settle; gives the report. */
export async function prepareSettled(
  machine: Machine,
  query = "",
): Promise<PrepareReportDocument> {
  const path = `/snapshot/prepare?wait=settled${query && `&${query}`}`;
  const response = await machine.fetch(path, { method: "POST" });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  const report = JSON.parse(text) as PrepareReportDocument;
  assert.equal(report.settled, true);
  for (const step of report.steps) {
    assert.match(step.status, /^(done|skipped)$/, JSON.stringify(step));
  }
  return report;
}

/** One health check, which must be answered with 200; gives its milliseconds too. */
export async function health(
  machine: Machine,
  headers: Record<string, string> = {},
): Promise<Health & { ms: number }> {
  const start = performance.now();
  const response = await machine.fetch("/health", { headers });
  const text = await response.text();
  const ms = performance.now() - start;
  assert.equal(response.status, 200, text);
  assert.equal(response.headers.get("cache-control"), "no-store");
  return { ...JSON.parse(text) as Health, ms };
}

/**
 * The status document; asking for it changes nothing. Asks again, once, where a
 * prepare closed the connection before it spoke.
 */
export async function status(
  machine: Pick<Guest, "fetch">,
): Promise<StatusDocument> {
  const ask = () => machine.fetch("/snapshot");
  const response = await ask().catch(ask);
  assert.equal(response.status, 200);
  return await response.json() as StatusDocument;
}

/** Waits until the guest has recovered, and gives the report of that. */
export async function recovered(machine: Machine): Promise<Recovery> {
  return await until("the recovery", async () => {
    const { state, lastRecovery } = await status(machine);
    return state === "running" ? lastRecovery : undefined;
  }, LIMIT);
}

/** Waits until the operation under way has settled. */
export async function settled(machine: Machine): Promise<StatusDocument> {
  return await until("the settle", async () => {
    const document = await status(machine);
    return document.settled && document;
  }, LIMIT) as StatusDocument;
}

/** A connection that shows what an HTTP client hides. */
export class RawConnection {
  readonly socket: Socket;
  text = "";
  closed = false;

  constructor(machine: Machine, words: string) {
    this.socket = connect(machine.port, "127.0.0.1", () => {
      this.socket.write(words);
    });
    this.socket.on("data", (chunk) => this.text += chunk);
    // A reset is an end as good as any other here; `closed` tells.
    this.socket.on("error", () => {});
    this.socket.on("close", () => this.closed = true);
  }

  /** Waits until the reply has begun. */
  async replied(): Promise<void> {
    await until("a reply", () => this.text.includes("\r\n\r\n"), LIMIT);
  }
}

/** What a host tells the recovery, as JSON. */
export type RecoverWords = Record<string, unknown>;

/** A call to recover: its status, and its document. */
export async function callRecover(
  machine: Machine,
  words: RecoverWords = {},
): Promise<{ status: number; reply: RecoverReplyDocument }> {
  const response = await machine.fetch("/snapshot/recover", {
    method: "POST",
    body: JSON.stringify(words),
  });
  const reply = await response.json() as RecoverReplyDocument;
  return { status: response.status, reply };
}

/** Recovers, which must be answered with 200; gives the recovery's report. */
export async function recover(
  machine: Machine,
  words: RecoverWords = {},
): Promise<Recovery> {
  const { status, reply } = await callRecover(machine, words);
  assert.equal(status, 200, JSON.stringify(reply));
  assert.ok(reply.recovery);
  return reply.recovery;
}

/** One step's report, which must be there. */
export function stepOf<T extends { readonly name: string }>(
  steps: readonly T[] | undefined,
  name: string,
): T {
  const found = steps?.find((step) => step.name === name);
  assert.ok(found, `no step ${name} in ${JSON.stringify(steps)}`);
  return found;
}

/** Starts the agent anew, with these keys in its config file. */
export async function configure(
  machine: Machine,
  config: Record<string, unknown>,
): Promise<void> {
  const before = await agentPid(machine);
  await machine.sh(
    `mkdir -p /etc/lull; echo '${JSON.stringify(config)}' ` +
      `>/etc/lull/config.json; kill ${before}`,
  );
  await until(
    "the end of the agent",
    async () => (await machine.exec(`test -d /proc/${before}`)).code !== 0,
    LIMIT,
  );
  await machine.ready();
}

/** Ends the agent by a signal, and waits for the agent that init starts in its place. */
export async function restartAgent(
  machine: Machine,
  signal: "TERM" | "KILL",
): Promise<void> {
  const before = await agentPid(machine);
  await machine.sh(`kill -s ${signal} ${before}`);
  await until(
    "the end of the agent",
    async () => (await machine.exec(`test -d /proc/${before}`)).code !== 0,
    LIMIT,
  );
  await machine.ready();
}
