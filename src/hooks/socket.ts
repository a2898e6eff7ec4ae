/**
 * The hooks socket, where the guest's programs register as hooks: HTTP over a unix
 * socket. It uses the runtime's own server, which is loaded anyway; in Bun,
 * node:http would add 1.7 MB to every snapshot.
 * @module
 */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { failureLogger, type Log } from "../log/mod.ts";
import type { Runtime } from "../runtime/types.ts";
import type { HookRegistry } from "./registry.ts";

/** Only the owner and the group may register: a hook can abort a prepare. */
const MODE = 0o660;

/** Where to listen, and for which registry. */
interface ProgramsOptions {
  readonly runtime: Pick<Runtime, "serve">;
  /** The socket's path; an empty path disables the socket. */
  readonly path: string;
  readonly registry: HookRegistry;
  readonly log: Pick<Log, "error">;
}

/** A listening hooks socket. */
export interface HooksSocket {
  /** Closes all connections and removes the socket's file. */
  close(): void;
}

/**
 * Listens on the hooks socket. Returns undefined if the socket is disabled or cannot
 * be opened: the error is logged, and the agent runs without the socket.
 */
export async function listenForPrograms(
  options: ProgramsOptions,
): Promise<HooksSocket | undefined> {
  const { path, log } = options;
  if (path === "") return undefined;
  try {
    mkdirSync(dirname(path), { recursive: true });
    return await listenForHooks(options);
  } catch (error) {
    failureLogger(log, "Cannot listen on the hooks socket", { path })(error);
    return undefined;
  }
}

/**
 * Listens on the socket, and replaces the file of an agent that has ended. Rejects if another agent listens on
 * the socket, or if the file is not a socket.
 */
export async function listenForHooks(
  { runtime, path, registry, log }: ProgramsOptions,
): Promise<HooksSocket> {
  const onError = failureLogger(
    log,
    "Cannot serve a request on the hooks socket",
  );
  // Loaded with the first request: a guest without such programs does not need the routes.
  const loadApp = async () =>
    (await import("./routes.ts")).hooksApp(registry, onError);
  let app: ReturnType<typeof loadApp> | undefined;
  const setMode = () => chmodSync(path, MODE);
  const server = await runtime.serve({
    ...{ path, onError, onListenAgain: setMode },
    async fetch(request) {
      const answer = await (await (app ??= loadApp())).fetch(request);
      // Closes the connection after the response, so that no idle one is in the
      // snapshot. The response of an event stream does not end.
      answer.headers.set("connection", "close");
      return answer;
    },
  });
  setMode();
  return {
    close() {
      server.stop();
      rmSync(path, { force: true });
    },
  };
}
