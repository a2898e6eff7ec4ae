/**
 * Requests whose time matters: events, no polling, a connection each.
 * @module
 */
import { connect } from "node:net";

/** A reply, and the milliseconds from the call to its last byte. */
export interface Reply {
  readonly ms: number;
  readonly body: string;
}

/**
 * Asks once, with that body; fails for anything but a success. In HTTP/1.0, so that the server
 * closes and the end of the body needs no parsing.
 */
export function request(
  port: number,
  method: "GET" | "POST",
  path: string,
  body = "",
): Promise<Reply> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect({ port, host: "127.0.0.1", noDelay: true }, () => {
      socket.write(
        `${method} ${path} HTTP/1.0\r\nHost: lull\r\n` +
          `Content-Length: ${body.length}\r\n\r\n${body}`,
      );
    });
    const whole = () => {
      const head = text.indexOf("\r\n\r\n");
      if (head < 0) return false;
      const length = /^content-length: (\d+)/im.exec(text.slice(0, head))?.[1];
      const known = length ?? (text.includes(" 204 ") ? "0" : undefined);
      return known !== undefined && text.length - head - 4 >= Number(known);
    };
    const end = () => {
      const ms = performance.now() - start;
      socket.destroy();
      const why = text.split("\r\n")[0] || "closed without a reply";
      if (/^HTTP\/1\.[01] 20\d/.test(why)) {
        resolve({ ms, body: text.slice(text.indexOf("\r\n\r\n") + 4) });
      } else reject(new Error(`Cannot ${method} ${path}: ${why}`));
    };
    socket.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
      if (whole()) end();
    });
    socket.on("error", reject);
    socket.on("end", end);
  });
}
