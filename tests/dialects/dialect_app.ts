/**
 * The app with the routes of one dialect, on a lifecycle of fakes: nothing of this machine is
 * frozen, and its clock is not set.
 */
import { Exchange } from "../../src/connections/exchange.ts";
import type { DialectContext } from "../../src/dialects/dialect.ts";
import { loadDialects } from "../../src/dialects/load.ts";
import { type App, createApp } from "../../src/http/app.ts";
import { Lifecycle } from "../../src/lifecycle/lifecycle.ts";
import type { Parts } from "../../src/lifecycle/make_plan.ts";
import type { RecoverRequest } from "../../src/lifecycle/request.ts";
import { envRepair } from "../../src/steps/env.ts";
import { envFileOf } from "../../src/identity/env_file.ts";
import { serve } from "../config/parsing.ts";
import { errorLog, fakeAgent } from "../support/fake_agent.ts";
import { fakePlan, type FakeStep } from "../support/fake_plan.ts";

/** An app of one dialect, and what it did. */
export interface DialectApp {
  readonly app: App;
  readonly lifecycle: Lifecycle;
  /** The errors in the log. */
  readonly errors: unknown[];
  /** The requests that reached the repairs. */
  readonly requests: RecoverRequest[];
  /** Sends one request; `exchange` of a caller of unknown origin if none is given. */
  ask(path: string, init: RequestInit, exchange?: Exchange): Promise<Response>;
}

/** Makes the app. The directory gets the file with the variables; `steps` are those of a prepare. */
export async function dialectApp(
  dialect: string,
  directory: string,
  steps: FakeStep[] = [{ name: "a" }],
): Promise<DialectApp> {
  const errors: unknown[] = [];
  const requests: RecoverRequest[] = [];
  let id = 0;
  const { plan } = fakePlan(steps, [{ name: "b" }]);
  const env = envRepair(envFileOf(directory));
  const noted: Pick<Parts, "clock" | "env"> = {
    clock: {
      repair({ request }) {
        requests.push(request);
        return {};
      },
    },
    env,
  };
  const repairs = Object.entries(noted)
    .map(([name, part]) => ({ name, limitMs: 1000, ...part }));
  const lifecycle = new Lifecycle({
    plan: { ...plan, repairs: [...plan.repairs, ...repairs] },
    leaseSeconds: 600,
    newId: () => `op-${++id}`,
  });
  const agent = fakeAgent(lifecycle, {
    log: errorLog(errors),
    bodyLimitBytes: 65_536,
  });
  const context = {
    ...agent,
    guard: { ...agent.guard, refusalOfDialect: () => undefined },
    config: serve([`--runtime-directory=${directory}`, "--e2b-metadata="]),
    ...{ libc: {}, onError: () => {} },
  } as unknown as DialectContext;
  const { shared } = await loadDialects([dialect], context);
  const app = createApp(agent, { dialects: shared });
  return {
    ...{ app, lifecycle, errors, requests },
    async ask(path, init, exchange = new Exchange(undefined)) {
      const request = new Request(`http://lull${path}`, init);
      const { headers } = request;
      if (init.body && !headers.has("transfer-encoding")) {
        // A server has it from the wire: without it, a request has no body.
        const { byteLength } = await new Response(init.body).arrayBuffer();
        headers.set("content-length", String(byteLength));
      }
      const reply = await app.fetch(request, { exchange });
      exchange.replied();
      return reply;
    },
  };
}
