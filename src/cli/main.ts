/**
 * The commands that call an agent. They are loaded only if one of them runs.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { LullClient } from "../client/mod.ts";
import { UnreachableError } from "../client/errors.ts";
import type { CallCommandName } from "../config/call_commands.ts";
import { ConfigError } from "../config/error.ts";
import type { Runtime } from "../runtime/types.ts";
import { errorText, hasCode } from "../util/errors.ts";
import { COMMANDS } from "./commands.ts";
import { Flags } from "./flags.ts";
import { detailOf, problemOf, stepsOf } from "./refusal.ts";

/** The parsed command line of a call. */
export interface CallRequest {
  readonly command: CallCommandName;
  readonly flags: Readonly<Record<string, string | true>>;
}

/** The exit codes; 2 is that of a ConfigError. */
const DONE = 0;
const REFUSED = 1;
const UNREACHABLE = 3;

/** Milliseconds of a command without `--timeout`. */
const TIMEOUT_MS = 60_000;

/** The limit of setTimeout, and so of a call, in milliseconds. */
const LONGEST_MS = 2 ** 31 - 1;

/** Runs the command; resolves with its exit code. Rejects with a ConfigError for wrong usage. */
export async function runCall(
  runtime: Pick<Runtime, "connectVsock">,
  { command, flags: given }: CallRequest,
): Promise<number> {
  const flags = new Flags(command, given);
  const url = flags.text("url");
  if (url === undefined) throw flags.missing("url", "ADDRESS");
  const timeoutMs = Math.min(
    LONGEST_MS,
    1000 * (flags.seconds("timeout") ?? TIMEOUT_MS / 1000),
  );
  const tokenFile = flags.text("token");
  const client = flags.check("url", () =>
    new LullClient(url, {
      timeoutMs,
      token: tokenFile === undefined ? undefined : readToken(tokenFile),
      connectVsock: (cid, port) => runtime.connectVsock(cid, port),
    }));
  const isJson = flags.isOn("json");
  process.stdout.on("error", (error) => onUnwritten(error, command));
  try {
    return await COMMANDS[command]({
        ...{ client, flags, isJson, timeoutMs },
        print: (text) => void process.stdout.write(`${text}\n`),
        // Progress is for people: not in a file, and not beside JSON.
        progress: (text) => {
          if (!isJson && process.stderr.isTTY) {
            process.stderr.write(`\r${text}\x1b[K`);
          }
        },
      })
      ? DONE
      : REFUSED;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const problem = problemOf(error);
    const printed = problem &&
      (isJson ? JSON.stringify(problem, null, 2) : stepsOf(problem));
    if (printed !== undefined) process.stdout.write(`${printed}\n`);
    const detail = detailOf(error, tokenFile !== undefined);
    console.error(
      `lull: ${
        detail.startsWith("Cannot ")
          ? detail
          : `Cannot run ${command}: ${detail}`
      }`,
    );
    // Ends at once: a question to a name server cannot be stopped, and would delay the end by 10 s.
    if (error instanceof UnreachableError) process.exit(UNREACHABLE);
    return REFUSED;
  }
}

/**
 * Called if stdout cannot be written. A reader that has read enough ends a command that prints
 * without end, and does not change how any other command ends.
 */
function onUnwritten(error: Error, command: CallCommandName): void {
  if (!hasCode(error, "EPIPE")) {
    console.error(`lull: Cannot print the result: ${errorText(error)}`);
    process.exit(REFUSED);
  }
  if (command === "watch") process.exit(DONE);
}

function readToken(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new ConfigError(
      `Cannot read the token file ${path}: ${errorText(error)}`,
      1,
    );
  }
}
