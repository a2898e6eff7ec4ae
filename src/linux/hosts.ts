/**
 * The text of /etc/hosts, hosts(5).
 * @module
 */

/** The address of a machine's own name if no other line has the name (Debian's convention). */
const OWN = "127.0.1.1";
/** Names of the loopback interface, which are no names of a machine. */
const LOOPBACK = /^(?:localhost|ip6-|localhost\.)/;

/** The changes of a fork. */
export interface Renaming {
  readonly from: string;
  readonly to: string;
  /** The addresses that are replaced, and their replacements. */
  readonly addresses: ReadonlyMap<string, string>;
  /** Whether the machine's name gets a line if it has none. */
  readonly add: boolean;
}

/** Returns the text in which the machine has its new name, at its new address. */
export function withName(text: string, renaming: Renaming): string {
  const { to, add } = renaming;
  let isNamed = false;
  const lines = text.split("\n").map((line) => {
    const [, entry, comment] = /^([^#]*)(#.*)?$/.exec(line)!;
    const [address, ...names] = entry.split(/\s+/).filter(Boolean);
    if (address === undefined) return line;
    const renamed = renamedOf(names, renaming);
    isNamed ||= renamed.includes(to);
    const now = renaming.addresses.get(address) ?? address;
    const same = now === address && renamed.join(" ") === names.join(" ");
    if (same) return line;
    return [now, "\t", renamed.join(" "), comment ? ` ${comment}` : ""].join(
      "",
    );
  });
  if (isNamed || !add) return lines.join("\n");
  if (lines.at(-1) === "") lines.pop();
  return [...lines, `${OWN}\t${to}`, ""].join("\n");
}

/** The names of a line: the former name, alone or with its domain, becomes the new one. */
function renamedOf(names: string[], { from, to }: Renaming): string[] {
  if (LOOPBACK.test(from)) return names;
  const [short, shortTo] = [from, to].map((name) => name.split(".")[0]);
  if (!names.some((name) => name === from || name === short)) return names;
  const renamed = names.flatMap((name) => {
    if (name === from) return to === shortTo ? [to] : [to, shortTo];
    if (name === short) return shortTo;
    if (!name.startsWith(`${short}.`)) return name;
    return to === shortTo ? `${shortTo}${name.slice(short.length)}` : to;
  });
  return [...new Set(renamed.includes(to) ? renamed : [to, ...renamed])];
}
