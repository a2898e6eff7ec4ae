/**
 * What each command does with the agent, and what it prints.
 * @module
 */
import { readFileSync } from "node:fs";
import type { RecoverOptions } from "../client/mod.ts";
import type { CallCommandName } from "../config/call_commands.ts";
import { ConfigError, refuseValue } from "../config/error.ts";
import { errorText, since } from "../util/errors.ts";
import { conformance } from "./conformance.ts";
import type { CommandContext } from "./context.ts";
import { ports } from "./ports.ts";
import { samplesOf } from "./samples.ts";
import { statusText } from "./status.ts";
import { stepTable } from "./table.ts";
import { wait, watch } from "./watch.ts";

/** Runs a command; resolves with false if it did not reach what it was for. */
type Run = (context: CommandContext) => Promise<boolean>;

/** The commands by their names. */
export const COMMANDS: Readonly<Record<CallCommandName, Run>> = {
  prepare,
  recover,
  health,
  status,
  watch,
  wait,
  ports,
  metrics,
  conformance,
};

/** Milliseconds between two updates of the progress. */
const PROGRESS_MS = 100;

async function prepare(context: CommandContext): Promise<boolean> {
  const { client, flags, isJson, print } = context;
  const waits = flags.word("wait", ["quiesced", "settled"]) ?? "settled";
  const options = {
    kind: flags.word("kind", ["full", "diff", "disk"]),
    lease: flags.seconds("lease"),
    operation: flags.text("operation"),
  };
  if (waits === "quiesced") {
    const operation = await client.prepare(options);
    print(
      isJson
        ? JSON.stringify({ operation })
        : `quiesced, operation ${operation}`,
    );
    return true;
  }
  const report = await withProgress(
    context,
    "preparing and settling",
    () => client.prepareSettled(options),
  );
  const { operation, quiescedMs, settledMs, steps } = report;
  print(
    isJson ? JSON.stringify(report, null, 2) : [
      `settled, operation ${operation}: quiesced after ${quiescedMs} ms, settled after ${settledMs} ms`,
      stepTable(steps),
    ].join("\n"),
  );
  return true;
}

async function recover(context: CommandContext): Promise<boolean> {
  const { client, flags, isJson, print } = context;
  const outcome = flags.word("outcome", ["restored", "resumed", "aborted"]);
  const options: RecoverOptions = {
    operation: flags.text("operation"),
    ...outcome === undefined ? {} : { outcome },
    network: flags.objects("network") as RecoverOptions["network"],
    ...identityOf(context),
    ...flags.isOn("require-entropy") ? { requireEntropy: true } : {},
  };
  const reply = await withProgress(
    context,
    "recovering",
    () => client.recover(options),
  );
  if (isJson) print(JSON.stringify(reply, null, 2));
  else {
    const { recovery, late = [] } = reply;
    print(
      recovery === undefined
        ? "there was nothing to recover"
        : `${recovery.outcome}, operation ${recovery.operation}, generation ${recovery.generation}, by ${recovery.trigger}, in ${recovery.ms} ms`,
    );
    if (recovery !== undefined) print(stepTable(recovery.steps));
    if (late.length > 0) print(`late:\n${stepTable(late)}`);
  }
  return true;
}

/** What the flags give this fork. */
function identityOf({ flags }: CommandContext): RecoverOptions {
  const list = (name: string) => flags.text(name)?.split(",");
  const credentials = list("credential");
  return {
    // The agent refuses words that it does not know.
    renew: list("renew") as RecoverOptions["renew"],
    ...flags.isOn("renew-on-disk") ? { renewOnDisk: true } : {},
    ...flags.isOn("require-renewed") ? { requireRenewed: true } : {},
    credentials: credentials &&
      Object.fromEntries(credentials.map(credentialOf)),
    env: flags.object("env") as RecoverOptions["env"],
  };
}

/** The credential that `NAME=FILE` names. */
function credentialOf(word: string): [string, { data: string }] {
  const at = word.indexOf("=");
  if (at < 1) refuseValue("--credential", "NAME=FILE", word);
  const path = word.slice(at + 1);
  try {
    return [word.slice(0, at), {
      data: readFileSync(path).toBase64(),
    }];
  } catch (error) {
    throw new ConfigError(
      `Cannot read the credential ${path}: ${errorText(error)}`,
      1,
    );
  }
}

async function health(
  { client, isJson, print }: CommandContext,
): Promise<boolean> {
  const reply = await client.health();
  const { state, generation, version } = reply;
  print(
    isJson
      ? JSON.stringify(reply)
      : `${state}, generation ${generation}, version ${version}`,
  );
  return true;
}

async function status(
  { client, isJson, print }: CommandContext,
): Promise<boolean> {
  const document = await client.status();
  print(isJson ? JSON.stringify(document, null, 2) : statusText(document));
  return true;
}

async function metrics(
  { client, isJson, print }: CommandContext,
): Promise<boolean> {
  const text = await client.metrics();
  print(isJson ? JSON.stringify(samplesOf(text), null, 2) : text.trimEnd());
  return true;
}

/** Shows the seconds that the action takes. */
async function withProgress<T>(
  { progress }: CommandContext,
  what: string,
  action: () => Promise<T>,
): Promise<T> {
  const start = performance.now();
  const timer = setInterval(() => {
    progress(`${what}, ${(since(start) / 1000).toFixed(1)} s`);
  }, PROGRESS_MS);
  try {
    return await action();
  } finally {
    clearInterval(timer);
    progress("");
  }
}
