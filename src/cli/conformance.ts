/**
 * The command `lull conformance`: checks any agent against the contract.
 * @module
 */
import { UnreachableError } from "../client/errors.ts";
import { messageOf } from "../util/errors.ts";
import { Agent } from "./conformance_agent.ts";
import { CALL_CHECKS } from "./conformance_checks.ts";
import { ROUND_CHECKS } from "./conformance_rounds.ts";
import type { CommandContext } from "./context.ts";
import { table } from "./table.ts";

/** All checks, in the order in which they run. They are what a host may rely on, whatever agent replies. */
const CHECKS = [...CALL_CHECKS, ...ROUND_CHECKS];

/** The result of one check. */
interface Result {
  readonly check: string;
  readonly holds: boolean;
  /** What is not as it should be; undefined if the check holds. */
  readonly reason?: string;
}

/**
 * Runs all checks and prints their results; false if one of them does not hold. An agent that cannot
 * be reached at all is no result. In the end, the guest runs again.
 */
export async function conformance(context: CommandContext): Promise<boolean> {
  const { client, isJson, print, progress } = context;
  const agent = new Agent(client);
  const results: Result[] = [];
  try {
    for (const { name, run } of CHECKS) {
      progress(`${results.length + 1} of ${CHECKS.length}: ${name}`);
      try {
        await run(agent);
        results.push({ check: name, holds: true });
      } catch (error) {
        if (results.length === 0 && error instanceof UnreachableError) {
          throw error;
        }
        results.push({ check: name, holds: false, reason: messageOf(error) });
      }
    }
  } finally {
    progress("");
    if (results.length > 0) {
      await agent.post("/snapshot/recover").catch(() => {}); // the results say why
    }
  }
  const failed = results.filter(({ holds }) => !holds);
  print(
    isJson ? JSON.stringify(results, null, 2) : [
      table(results.map(({ check, holds, reason }) => [
        holds ? "holds" : "FAILS",
        reason === undefined ? check : `${check}: ${reason}`,
      ])),
      "",
      `${results.length - failed.length} of ${results.length} checks hold`,
    ].join("\n"),
  );
  return failed.length === 0;
}
