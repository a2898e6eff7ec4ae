/**
 * The URL of a request, complete and in one form, whatever the request line and
 * the Host header said. Bun leaves out the scheme and the host where Host is missing
 * or wrong; Deno puts Host into the URL as it is, and leaves the path as it is.
 * @module
 */

/** A URL that is in this form already: nearly all are. */
const COMPLETE =
  /^http:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?(?:\/(?:[\w-][\w.-]*)?)+(?:\?[^#]*)?$/i;

/** The schemes that both runtimes use or accept. */
const SCHEME = /^(?:https?|http\+unix):\/\//i;

/** The part of a Host that ends no authority (RFC 3986, 3.2). */
const ENDS_AUTHORITY = /[/?#\\]/;

/** The origin of a URL that had no valid one. Lull does not look at it. */
const ORIGIN = "http://localhost";

/**
 * The complete URL: `http://`, a host, and a path without dot segments. Undefined
 * where the request asks for the URL of another scheme.
 */
export function completeUrl(
  url: string,
  host: string | null,
): string | undefined {
  if (COMPLETE.test(url) && !(host && ENDS_AUTHORITY.test(host))) return url;
  const target = targetOf(url, host ?? "");
  if (target === undefined) return undefined;
  // Resolves dot segments as Bun does by itself where Host is valid.
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

/** Gives the request its complete URL; undefined where it can have none. */
export function withCompleteUrl(request: Request): Request | undefined {
  const { url } = request;
  const complete = completeUrl(url, request.headers.get("host"));
  if (complete === undefined) return undefined;
  // A new Request would refuse CONNECT and TRACE, and take the body along.
  if (complete !== url) {
    Object.defineProperty(request, "url", { value: complete });
  }
  return request;
}
