/**
 * Ports and ranges of ports, as users and hosts write them: `3000`, `8000-8999`.
 * @module
 */

/** The ports from `first` to `last`, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** The source of a regular expression for a number from 1 to 65535. */
export const PORT =
  "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";

/** Matches a port or a range. */
export const PORT_RANGE: RegExp = new RegExp(`^${PORT}(?:-${PORT})?$`);

/** The accepted forms, for help and error texts. */
export const PORT_RANGES_FORM = "ports and ranges, like 3000 or 8000-8999";

/** Parses a text that {@linkcode PORT_RANGE} matches. The ends may be in either order. */
export function parsePortRange(text: string): PortRange {
  const ports = text.split("-").map(Number);
  return { first: Math.min(...ports), last: Math.max(...ports) };
}

/** Whether one of the ranges contains the port. */
export function contains(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ first, last }) => first <= port && port <= last);
}
