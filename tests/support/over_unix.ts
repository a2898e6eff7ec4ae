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
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path, agent: false });
    sent.on("response", (response) => {
      let body = "";
      response.on("data", (part) => body += part);
      response.on("end", () => resolve({ status: response.statusCode, body }));
    });
    sent.on("error", reject);
    sent.end();
  });
}
