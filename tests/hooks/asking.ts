/**
 * What a program asks of the socket for hooks.
 */
import { type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { after, before } from "node:test";
import { listeningRegistry, temporary } from "../support/hooks.ts";

/**
 * A registry behind a socket, in a directory of its own, while the tests of the
 * calling file run; `server` is there once they do.
 */
export function served() {
  const directory = temporary();
  const path = join(directory.path, "hooks.sock");
  let server: Awaited<ReturnType<typeof listeningRegistry>>;
  before(async () => server = await listeningRegistry(path));
  after(async () => {
    await server.socket.close();
    directory.remove();
  });
  return {
    directory: directory.path,
    path,
    server: () => server,
    ...askingAt(path),
  };
}

/** Requests to that socket: one whose answer is read, and one to read from. */
function askingAt(socketPath: string) {
  function send(
    method: string,
    path: string,
    body?: string | Uint8Array,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request({
        socketPath,
        method,
        path,
        agent: false,
        headers: body === undefined ? {} : { "content-length": body.length },
      }, resolve).on("error", reject).end(body);
    });
  }

  async function ask(method: string, path: string, body?: unknown) {
    const isSent = body === undefined || body instanceof Uint8Array ||
      typeof body === "string";
    const sent = isSent ? body : JSON.stringify(body);
    const response = await send(method, path, sent);
    let answer = "";
    for await (const part of response) answer += part;
    return {
      status: response.statusCode,
      type: response.headers["content-type"],
      allow: response.headers.allow,
      text: answer,
      // deno-lint-ignore no-explicit-any
      json: (): any => JSON.parse(answer),
    };
  }

  return { ask, send };
}
