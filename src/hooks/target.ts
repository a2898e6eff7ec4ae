/**
 * Where a hook request may go: to programs in this guest and nowhere else.
 * @module
 */

/** The address of a hook request, as node:http takes it. */
export type Target =
  | { readonly host: string; readonly port: number; readonly path: string }
  | { readonly socketPath: string; readonly path: string };

/** What a URL must look like, in words. */
export const TARGET_FORM =
  "http:// and a loopback address, or unix:/SOCKET:/PATH";

const UNIX = /^unix:(\/.*?)(?::(\/[^:]*))?$/;

/**
 * Reads `http://127.0.0.1:80/x`, `http://[::1]/x`, `http://localhost/x` or
 * `unix:/run/app.sock:/x`; undefined for anything else.
 */
export function parseTarget(text: string): Target | undefined {
  const unix = UNIX.exec(text);
  // A path that node:http would refuse must not get as far as a freeze.
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
    // By address: a resolver may be slow, or frozen with the workload.
    host: host === "localhost" ? "127.0.0.1" : host,
    port: Number(url.port || 80),
    path: url.pathname + url.search,
  };
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
