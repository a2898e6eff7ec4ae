/**
 * The URL of a request, complete and in one form, for every request line and every Host header.
 * Bun omits the scheme and the host if the Host header is missing or wrong. Deno puts the Host
 * header into the URL unchanged, and does not resolve dot segments of the path.
 * @module
 */

/** A URL that is in this form already, as usual clients send it. */
const COMPLETE =
  /^http:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?:\/(?:[\w-][\w.-]*)?)+(?:\?[^#]*)?$/i;

/** The schemes that both runtimes use or accept. */
const SCHEME = /^(?:https?|http\+(?:unix|vsock)):\/\//i;

/** A character that ends an authority (RFC 3986, 3.2). */
const ENDS_AUTHORITY = /[/?#\\]/;

/** The origin of a URL that had no valid one. Lull does not read it. */
const ORIGIN = "http://localhost";

/**
 * The complete URL: `http://`, a host, and a path without dot segments. Undefined
 * if the request names a URL of another scheme.
 */
export function completeUrl(
  url: string,
  host: string | null,
): string | undefined {
  if (COMPLETE.test(url) && !(host && ENDS_AUTHORITY.test(host))) return url;
  const target = targetOf(url, host ?? "");
  if (target === undefined) return undefined;
  // Resolves dot segments as Bun does if Host is valid.
  const { pathname, search } = new URL(ORIGIN + target);
  return ORIGIN + pathname + search;
}

/** The path and the query, from the slash on. */
function targetOf(url: string, host: string): string | undefined {
  if (url.startsWith("/")) return url;
  const [scheme] = SCHEME.exec(url) ?? [];
  // A CONNECT (RFC 9112, 3.2.3) names a host and a port, and no path.
  if (scheme === undefined) return url.includes("://") ? undefined : "/";
  const authority = scheme + host;
  const begin = url.startsWith(`${authority}/`)
    ? authority.length
    : url.indexOf("/", scheme.length);
  return begin < 0 ? "/" : url.slice(begin);
}

/** Gives the request its complete URL; undefined if there is none. */
export function withCompleteUrl(request: Request): Request | undefined {
  const { url } = request;
  const complete = completeUrl(url, request.headers.get("host"));
  if (complete === undefined) return undefined;
  // The constructor of Request refuses CONNECT and TRACE, and it would use up the body.
  if (complete !== url) {
    Object.defineProperty(request, "url", { value: complete });
  }
  return request;
}
