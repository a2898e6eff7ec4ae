/**
 * Opens the hooks socket, where the guest's programs register as hooks.
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

/** What {@linkcode listenForPrograms} needs. */
export interface ProgramsOptions {
  readonly runtime: Pick<Runtime, "serve">;
  /** The socket's path; an empty path disables the socket. */
  readonly path: string;
  readonly registry: HookRegistry;
  readonly log: Log;
}

/**
 * Listens on the hooks socket. Returns undefined if the socket is disabled or cannot
 * be opened: the error is logged, and the agent runs without the socket.
 */
export async function listenForPrograms(
  { runtime, path, registry, log }: ProgramsOptions,
): Promise<HooksSocket | undefined> {
  if (path === "") return undefined;
  const onError = (error: unknown) =>
    log.error("Cannot serve a request on the hooks socket", {
      error: messageOf(error),
    });
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
    log.error("Cannot listen on the hooks socket", {
      path,
      error: messageOf(error),
    });
    return undefined;
  }
}
