/**
 * The input of PUT /ports, as a valibot schema, like those of schemas.ts.
 * @module
 */
import * as v from "valibot";
import { fields } from "../../util/json_input.ts";
import { PORT_RANGE } from "../../util/port_ranges.ts";

/** The most entries of a list of ports. */
const MOST_RANGES = 1024;
const RANGE_WORDS = 'a text with a port or a range, like "3000" or "8000-8999"';
const RANGES_WORDS =
  `a list of at most ${MOST_RANGES} texts with a port or a range`;

function portRanges(description: string) {
  return v.optional(v.pipe(
    v.array(
      v.pipe(
        v.string(RANGE_WORDS),
        v.regex(PORT_RANGE, RANGE_WORDS),
      ),
      RANGES_WORDS,
    ),
    v.maxLength(MOST_RANGES, RANGES_WORDS),
    v.description(description),
  ));
}

/** The body that replaces the rules of forwarding. */
export const PortRulesBody = fields({
  include: portRanges(
    "Ports that may be forwarded; all ports if the list is empty or not given.",
  ),
  exclude: portRanges(
    "Ports that are never forwarded; none if the list is not given.",
  ),
});
