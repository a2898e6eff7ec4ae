/**
 * The hooks socket: HTTP over a unix socket, for programs in the guest. It uses the
 * runtime's own server, which is loaded anyway; in Bun, node:http would add 1.7 MB
 * to every snapshot.
 * @module
 */
import { chmodSync, rmSync } from "node:fs";
import type { Runtime } from "../runtime/types.ts";

/** Only the owner and the group may register: a hook can abort a prepare. */
const MODE = 0o660;

/** What {@linkcode listenForHooks} needs. */
export interface HooksSocketOptions {
  readonly runtime: Pick<Runtime, "serve">;
  /** The socket's path; its directory must exist. */
  readonly path: string;
  readonly fetch: (request: Request) => Promise<Response> | Response;
  /** Called with the error of a failed request, to which the reply is a plain 500. */
  readonly onError: (error: unknown) => void;
}

/** A listening hooks socket. */
export interface HooksSocket {
  /** Closes all connections and removes the socket's file. */
  close(): void;
}

/**
 * Listens on the socket. Replaces the file of an agent that has ended. Rejects if
 * another agent listens on the socket, or if the file is not a socket.
 */
export async function listenForHooks(
  { runtime, path, fetch, onError }: HooksSocketOptions,
): Promise<HooksSocket> {
  const setMode = () => chmodSync(path, MODE);
  const server = await runtime.serve({
    path,
    onError,
    onListenAgain: setMode,
    async fetch(request) {
      const answer = await fetch(request);
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
