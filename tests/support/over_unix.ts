import { request } from "node:http";

interface Reply {
  status: number | undefined;
  body: string;
}

/** A request over a unix socket, on a connection of its own. */
export function overUnix(
  socketPath: string,
  method: string,
  path: string,
  json?: unknown,
): Promise<Reply> {
  const body = json === undefined ? "" : JSON.stringify(json);
  return new Promise((resolve, reject) => {
    const headers = body === "" ? {} : { "content-length": body.length };
    const sent = request({ socketPath, method, path, headers, agent: false });
    sent.on("response", (response) => {
      let body = "";
      response.on("data", (part) => body += part);
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
