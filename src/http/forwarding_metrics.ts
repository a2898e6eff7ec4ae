/**
 * The metrics of forwarded ports: all ports together, because labels for ports would grow without
 * end.
 * @module
 */
import type { Counts } from "../ports/counts.ts";
import { family } from "./metric_family.ts";

/** How many ports are forwarded, and their counts together. */
export interface Forwarding {
  readonly ports: number;
  readonly counts: Counts;
}

/** Makes the lines of all families. */
export function forwardingFamilies(
  { ports, counts }: Forwarding,
): string[] {
  const { connections, open, bytesIn, bytesOut } = counts;
  return [
    ...family("lull_forwarded_ports", "gauge", "Ports that are forwarded.", [
      ["", ports],
    ]),
    ...family(
      "lull_forwarded_connections",
      "counter",
      "Connections to forwarded ports, and clients of UDP ports.",
      [["_total", connections]],
    ),
    ...family(
      "lull_forwarded_open_connections",
      "gauge",
      "Those that are open now.",
      [["", open]],
    ),
    ...family(
      "lull_forwarded_bytes",
      "counter",
      "Bytes of forwarded ports: in from clients, out to clients.",
      [
        ['_total{direction="in"}', bytesIn],
        ['_total{direction="out"}', bytesOut],
      ],
    ),
  ];
}
