/**
 * Parses the targets of hook requests, which must be programs in this guest.
 * @module
 */

/** The target of a hook request, in the form of node:http's options. */
export type Target =
  | { readonly host: string; readonly port: number; readonly path: string }
  | { readonly socketPath: string; readonly path: string };

/** The accepted forms of a URL, for error texts. */
export const TARGET_FORM =
  "http:// and a loopback address, or unix:/SOCKET:/PATH";

const UNIX = /^unix:(\/.*?)(?::(\/[^:]*))?$/;

/**
 * Parses `http://127.0.0.1:80/x`, `http://[::1]/x`, `http://localhost/x` or
 * `unix:/run/app.sock:/x`. Returns undefined for any other text.
 */
export function parseTarget(text: string): Target | undefined {
  const unix = UNIX.exec(text);
  // Refuses a path that node:http refuses, so that the error is at the registration.
  if (unix !== null && /^[!-~]*$/.test(unix[2] ?? "")) {
    return { socketPath: unix[1], path: unix[2] ?? "/" };
  }
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  if (url.protocol !== "http:" || !isLoopback(host) || url.username !== "") {
    return undefined;
  }
  return {
    // Needs no resolver, which may be slow, or frozen with the workload.
    host: host === "localhost" ? "127.0.0.1" : host,
    port: Number(url.port || 80),
    path: url.pathname + url.search,
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
