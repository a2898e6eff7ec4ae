/**
 * IP addresses as bytes and as text. Replaces `isIP` and `BlockList` of node:net: loading node:net adds 1.2 MB
 * to every snapshot in Bun.
 * @module
 */

/** Returns the 4 or 16 bytes of an address; undefined if the text is no address. */
export function parseIp(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Whether two addresses have the same family and the same first `bits` bits. */
export function hasPrefix(
  address: Uint8Array,
  prefix: Uint8Array,
  bits: number,
): boolean {
  if (address.length !== prefix.length) return false;
  return address.every((byte, i) => {
    const free = Math.min(8, Math.max(0, (i + 1) * 8 - bits));
    return byte >> free === prefix[i] >> free;
  });
}

/** Returns the IPv4 address of an IPv4-mapped one (RFC 4291, 2.5.5.2); any other as it is. */
export function unmapIp(address: Uint8Array): Uint8Array {
  const mapped = address.length === 16 && hasPrefix(address, MAPPED, 96);
  return mapped ? address.subarray(12) : address;
}

/** Whether a text of {@linkcode formatIp} is a loopback address: no other address begins like this. */
export function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** Formats an address by RFC 5952; an IPv4-mapped one as IPv4. */
export function formatIp(address: Uint8Array): string {
  const bytes = unmapIp(address);
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, i) => (bytes[i * 2] << 8 | bytes[i * 2 + 1]).toString(16),
  );
  const zeros = longestZeros(groups);
  if (zeros.length < 2) return groups.join(":");
  const before = groups.slice(0, zeros.start).join(":");
  const after = groups.slice(zeros.start + zeros.length).join(":");
  return `${before}::${after}`;
}

/** Returns the text of {@linkcode formatIp} for any text of the address. */
export function canonicalIp(text: string): string {
  const address = parseIp(text);
  return address === undefined ? text : formatIp(address);
}

/** Finds the longest run of zero groups; of equally long ones the first. */
function longestZeros(groups: readonly string[]) {
  let longest = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > longest.length) longest = { start, length };
  }
  return longest;
}

const MAPPED = new Uint8Array(16).fill(0xff, 10, 12);

/** A number without leading zeros, which some programs read as octal. */
const DECIMAL = /^(?:0|[1-9]\d{0,2})$/;

/** Reads a dotted quad; undefined for any other form. */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  const valid = parts.length === 4 &&
    parts.every((part) => DECIMAL.test(part) && Number(part) < 256);
  return valid ? Uint8Array.from(parts, Number) : undefined;
}

/** Reads the forms of RFC 4291, 2.2; undefined for any other. */
function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, i) =>
    groupsOf(half, i === halves.length - 1)
  );
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === 16 ? from(head) : undefined;
  // "::" replaces at least one group.
  if (tail === undefined || head.length + tail.length > 14) return undefined;
  const bytes = from(head);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function from(head: number[]): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(head);
  return bytes;
}

/** Returns the bytes of the groups between colons. The very last group may be an IPv4 address. */
function groupsOf(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [i, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = parseInt(group, 16);
      bytes.push(value >> 8, value & 255);
      continue;
    }
    const quad = last && i === groups.length - 1 ? parseIpv4(group) : undefined;
    if (quad === undefined) return undefined;
    bytes.push(...quad);
  }
  return bytes.length <= 16 ? bytes : undefined;
}
