/**
 * Connects the dialects of other hosts to the agent. The agent loads this file only if a dialect is
 * switched on.
 * @module
 */
import { loadDialects, type LoadedDialects } from "../dialects/load.ts";
import { type App, createApp } from "../http/app.ts";
import type { Agent } from "../http/context.ts";
import type { ListenAddress } from "../runtime/types.ts";
import { logOf } from "../log/mod.ts";
import { type Components, failed } from "./components.ts";

/** The dialects, and the apps that serve them. */
export interface AgentDialects {
  /** The app of Lull's own listeners. */
  readonly app: App;
  /** The apps of the dialects' own listeners. */
  readonly apps: ReadonlyMap<ListenAddress, App>;
  /** Opens the dialects' own transports; resolves to the function that closes them. */
  readonly open: LoadedDialects["open"];
}

/** Loads the dialects that are switched on, and makes their apps. */
export async function createDialects(
  components: Components,
  agent: Agent,
  ready: () => Promise<void>,
): Promise<AgentDialects> {
  const { shared, listeners, open } = await loadDialects(
    components.config.dialects,
    {
      ...components,
      ...{ lifecycle: agent.lifecycle, newId: agent.newId, ready },
      repaired: agent.repaired,
      log: logOf("dialects"),
      onError: failed("a dialect had an error"),
    },
  );
  return {
    app: createApp(agent, { dialects: shared }),
    apps: new Map(listeners.map(({ at, dialect }) => [
      at,
      createApp(agent, {
        dialects: dialect.routes ?? [],
        paths: dialect.lullPaths ?? [],
      }),
    ])),
    open,
  };
}
