/**
 * Lets the guest's programs register as hooks.
 * @module
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../util/errors.ts";
import type { Log } from "../log/mod.ts";
import type { Runtime } from "../runtime/types.ts";
import type { HookRegistry } from "./registry.ts";
import { hooksApp } from "./routes.ts";
import { type HooksSocket, listenForHooks } from "./socket.ts";

/** What it takes. */
export interface ProgramsOptions {
  readonly runtime: Pick<Runtime, "serve">;
  /** The socket's path; nothing turns it off. */
  readonly path: string;
  readonly registry: HookRegistry;
  readonly log: Log;
}

/** An agent without its socket still does all else. */
export async function listenForPrograms(
  { runtime, path, registry, log }: ProgramsOptions,
): Promise<HooksSocket | undefined> {
  if (path === "") return undefined;
  const onError = (error: unknown) =>
    log.error("the hooks socket had an error", { error: messageOf(error) });
  const app = hooksApp(registry, onError);
  try {
    mkdirSync(dirname(path), { recursive: true });
    return await listenForHooks({
      runtime,
      path,
      fetch: (request) => app.fetch(request),
      onError,
    });
  } catch (error) {
    log.error("programs cannot register as hooks", {
      path,
      error: messageOf(error),
    });
    return undefined;
  }
}
