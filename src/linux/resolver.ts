/**
 * The text of /etc/resolv.conf, resolv.conf(5).
 * @module
 */

/** The name servers that the C library reads (MAXNS). */
const SERVERS_MOST = 3;

/** What the file says. What is not given stays. */
export interface Resolver {
  readonly servers?: readonly string[];
  /** The domains in which short names are looked up. */
  readonly search?: readonly string[];
}

/** Returns the text with other name servers and domains; all other settings stay. */
export function withResolver(
  text: string | undefined,
  { servers, search }: Resolver,
): string {
  const isReplaced = (line: string) =>
    (servers !== undefined && /^\s*nameserver\b/.test(line)) ||
    (search !== undefined && /^\s*(?:search|domain)\b/.test(line));
  const kept = (text ?? "").split("\n").filter((line) =>
    line.trim() !== "" && !isReplaced(line)
  );
  const named = (servers ?? []).slice(0, SERVERS_MOST)
    .map((server) => `nameserver ${server}`);
  const searched = search === undefined ? [] : [`search ${search.join(" ")}`];
  return [...searched, ...kept, ...named, ""].join("\n");
}
