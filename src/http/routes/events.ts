/**
 * GET /snapshot/events. This module is loaded at the first request for it.
 * @module
 */
import type { Context } from "hono";
import type { Bindings } from "../../connections/exchange.ts";
import type { EndStream } from "../../connections/stream_ends.ts";
import type { ConnectionTracker } from "../../connections/tracker.ts";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { PortSubsystem } from "../../ports/subsystem.ts";
import type { StateEventDocument } from "./documents.ts";
import type { PortEventDocument } from "./port_documents.ts";

/** Milliseconds after which a client is to connect again; `later` in a guest that was quiesced. */
const RETRY_MS = { soon: 100, later: 2000 } as const;

/** The parts of the agent that this route uses. */
export interface EventSources {
  readonly lifecycle: Pick<
    Lifecycle,
    "state" | "operation" | "generation" | "watch"
  >;
  readonly tracker: Pick<ConnectionTracker, "beginStream">;
  readonly ports?: Pick<PortSubsystem, "watch">;
}

/**
 * Replies with server-sent events (WHATWG HTML, 9.2): the state now, and then each change of it. While
 * the guest is quiesced, the connection stays open and silent; it ends at the recovery. If it cannot
 * stay, the stream ends when a prepare begins, and a request during a prepare or in a quiesced guest
 * gets one event. In a running guest, each change of the forwarded ports is an event, too.
 */
export async function events(
  c: Context<{ Bindings: Bindings }>,
  { lifecycle, tracker, ports }: EventSources,
): Promise<Response> {
  c.header("cache-control", "no-store");
  c.header("content-type", "text/event-stream");
  const isHead = c.req.method === "HEAD";
  let stop = () => {};
  let close: EndStream = () => {};
  const ended = isHead || sharesConnection(c.req)
    ? undefined
    : await tracker.beginStream(c.env.exchange, (retry) => close(retry));
  const stays = ended !== undefined;
  const endsNow = () => !stays && goesQuiet(lifecycle.state);
  const next = () => eventOf(lifecycle, stays || !goesQuiet(lifecycle.state));
  if (isHead || endsNow()) return c.body(next());
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      close = (retry) => {
        stop();
        if (retry === "later") send(`retry: ${RETRY_MS.later}\n\n`);
        try {
          controller.close();
        } catch { /* the client has gone */ }
      };
      const send = (text: string) => {
        try {
          controller.enqueue(encoder.encode(text));
        } catch {
          stop(); // the client has gone
        }
      };
      const ends = [
        ended,
        lifecycle.watch(() => {
          send(next());
          if (endsNow()) close();
        }),
        ports?.watch((change) => {
          if (!rests(lifecycle)) send(portEventOf(change));
        }),
      ];
      stop = () => ends.forEach((end) => end?.());
      send(next());
    },
    cancel: () => stop(),
  });
  return c.body(body);
}

/**
 * Whether other requests may come over the connection of the stream, as in HTTP/2, which Deno's server
 * speaks: then no one would read them while the guest is quiesced. Such a request names its host in a
 * field of its own (RFC 9113, 8.3.1).
 */
function sharesConnection(request: Context["req"]): boolean {
  return request.header("host") === undefined;
}

/** Whether a connection that waits for no reply is closed in this state. */
function goesQuiet(state: Lifecycle["state"]): boolean {
  return state === "preparing" || state === "quiesced";
}

/** Whether the forwarding stops and starts as a whole: its ports are the same after the recovery. */
function rests({ state, operation }: EventSources["lifecycle"]): boolean {
  return state !== "running" && operation?.kind !== "disk";
}

function eventOf(
  { state, operation, generation }: EventSources["lifecycle"],
  soon: boolean,
): string {
  const document: StateEventDocument = {
    ...{ state, operation: operation?.id, generation },
  };
  const retry = soon ? RETRY_MS.soon : RETRY_MS.later;
  // JSON text contains no line breaks.
  return `retry: ${retry}\nevent: state\ndata: ${JSON.stringify(document)}\n\n`;
}

function portEventOf(change: PortEventDocument): string {
  return `event: port\ndata: ${JSON.stringify(change)}\n\n`;
}
