/**
 * The hooks socket: HTTP over a unix socket, for programs in the guest. On the
 * runtime's own server, which is loaded anyway; node:http would cost Bun 1.7 MB
 * of every snapshot.
 * @module
 */
import { chmodSync, rmSync } from "node:fs";
import type { Runtime } from "../runtime/types.ts";

/** Owner and group; who is neither has no say in a freeze. */
const MODE = 0o660;

/** What the socket needs. */
export interface HooksSocketOptions {
  readonly runtime: Pick<Runtime, "serve">;
  /** Its path; the directory must exist. */
  readonly path: string;
  readonly fetch: (request: Request) => Promise<Response> | Response;
  /** Hears what went wrong with a request; the program gets a plain 500. */
  readonly onError: (error: unknown) => void;
}

/** A socket that listens. */
export interface HooksSocket {
  /** Ends every connection and removes the file. */
  close(): void;
}

/**
 * Listens. Replaces the file that a dead agent left behind; fails where another
 * agent listens, or the file is no socket.
 */
export async function listenForHooks(
  { runtime, path, fetch, onError }: HooksSocketOptions,
): Promise<HooksSocket> {
  const admitGroup = () => chmodSync(path, MODE);
  const server = await runtime.serve({
    path,
    onError,
    onListenAgain: admitGroup,
    async fetch(request) {
      const answer = await fetch(request);
      // Only event streams stay: an idle connection would be one more to freeze.
      answer.headers.set("connection", "close");
      return answer;
    },
  });
  admitGroup();
  return {
    close() {
      server.stop();
      rmSync(path, { force: true });
    },
  };
}
