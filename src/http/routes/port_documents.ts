/**
 * The documents of forwarded ports, as valibot schemas, like those of documents.ts.
 * @module
 */
import * as v from "valibot";

const Whole = v.pipe(v.number(), v.integer());

const Texts = v.pipe(v.array(v.string()), v.readonly());

/** The rules that choose the ports to forward. */
export const PortRules = v.pipe(
  v.object({
    include: v.pipe(
      Texts,
      v.description("Ports and ranges; empty stands for all ports."),
    ),
    exclude: Texts,
  }),
  v.readonly(),
);

/** The protocols of forwarded ports. */
const ProtocolName = v.picklist(["tcp", "udp"]);

/** The ports that are forwarded, and everything about each. */
export const PortList = v.object({
  state: v.pipe(
    v.picklist(["running", "resting", "stopped", "off"]),
    v.description(
      "resting: no interface has a forward address. stopped: the guest is quiesced. off: --no-forward-ports.",
    ),
  ),
  addresses: v.pipe(
    Texts,
    v.description("The forward addresses that an interface has."),
  ),
  rules: PortRules,
  complete: v.pipe(
    v.boolean(),
    v.description(
      "False if the search for processes ended at its time limit.",
    ),
  ),
  ports: v.pipe(
    v.array(v.object({
      protocol: ProtocolName,
      port: Whole,
      addresses: v.pipe(
        Texts,
        v.description("The forward addresses on which it can be reached."),
      ),
      targets: v.pipe(
        Texts,
        v.description("Loopback addresses, or unix: and a path."),
      ),
      error: v.optional(v.pipe(
        v.string(),
        v.description("Why it cannot be reached on another address."),
      )),
      since: v.optional(v.pipe(
        v.string(),
        v.description("When the forwarding of it began, as RFC 3339."),
      )),
      connections: v.pipe(
        Whole,
        v.description("Connections since then; for UDP, clients."),
      ),
      open: v.pipe(Whole, v.description("Connections that are open now.")),
      bytesIn: v.pipe(Whole, v.description("Bytes from clients.")),
      bytesOut: v.pipe(Whole, v.description("Bytes to clients.")),
      processes: v.pipe(
        v.array(v.object({ pid: Whole, name: v.string() })),
        v.readonly(),
        v.description("The processes that have the server's socket open."),
      ),
    })),
    v.readonly(),
  ),
});

/** The reply to new rules. */
export const PortRulesReply = v.object({
  rules: PortRules,
  applied: v.pipe(
    v.boolean(),
    v.description("False in a quiesced guest: then the recovery applies them."),
  ),
});

/** The data of an event `port`. */
export const PortEvent = v.object({
  change: v.pipe(
    v.picklist(["opened", "closed"]),
    v.description("Whether the port is forwarded from now on, or no longer."),
  ),
  protocol: ProtocolName,
  port: Whole,
  targets: Texts,
});

/** Types of the documents above. */
export type PortListDocument = v.InferOutput<typeof PortList>;
export type PortRulesReplyDocument = v.InferOutput<typeof PortRulesReply>;
export type PortEventDocument = v.InferOutput<typeof PortEvent>;
