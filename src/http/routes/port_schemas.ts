/**
 * The input of PUT /ports, as a valibot schema, like those of schemas.ts.
 * @module
 */
import * as v from "valibot";
import { fields } from "../../util/json_input.ts";
import { PORT_RANGE, PORT_RANGES_FORM } from "../../util/port_ranges.ts";

/** The most entries of a list of ports. */
const MOST_RANGES = 1024;
const RANGES_WORDS = `a list of at most ${MOST_RANGES} ${PORT_RANGES_FORM}`;

function portRanges(description: string) {
  return v.optional(v.pipe(
    v.array(
      v.pipe(
        v.string(PORT_RANGES_FORM),
        v.regex(PORT_RANGE, PORT_RANGES_FORM),
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
