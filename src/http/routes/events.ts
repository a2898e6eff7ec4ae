/**
 * GET /snapshot/events. This module is loaded at the first request for it.
 * @module
 */
import type { Context } from "hono";
import type { Lifecycle } from "../../lifecycle/lifecycle.ts";
import type { PortSubsystem } from "../../ports/subsystem.ts";
import type { StateEventDocument } from "./documents.ts";
import type { PortEventDocument } from "./port_documents.ts";

/** Milliseconds after which a client is to connect again: in a guest that runs, and otherwise. */
const RETRY_MS = { running: 100, otherwise: 2000 } as const;

/**
 * Replies with server-sent events (WHATWG HTML, 9.2): the state now, and then each change of it. The
 * stream ends when a prepare begins, because a quiesced guest keeps no connection. A request during
 * a prepare or in a quiesced guest gets one event. In between, each change of the forwarded ports is
 * an event, too.
 */
export function events(
  c: Context,
  lifecycle: Pick<Lifecycle, "state" | "operation" | "generation" | "watch">,
  ports?: Pick<PortSubsystem, "watch">,
): Response {
  c.header("cache-control", "no-store");
  c.header("content-type", "text/event-stream");
  const encoder = new TextEncoder();
  const isOnce = c.req.method === "HEAD" || goesQuiet(lifecycle.state);
  if (isOnce) return c.body(eventOf(lifecycle));
  let stop = () => {};
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => {
        try {
          controller.enqueue(encoder.encode(text));
        } catch {
          stop(); // the client has gone
        }
      };
      const ends = [
        lifecycle.watch(() => {
          send(eventOf(lifecycle));
          if (!goesQuiet(lifecycle.state)) return;
          stop();
          try {
            controller.close();
          } catch { /* the client has gone */ }
        }),
        ports?.watch((change) => {
          send(portEventOf(change));
        }),
      ];
      stop = () => ends.forEach((end) => end?.());
      send(eventOf(lifecycle));
    },
    cancel: () => stop(),
  });
  return c.body(body);
}

/** Whether no connection may stay open in this state. */
function goesQuiet(state: Lifecycle["state"]): boolean {
  return state === "preparing" || state === "quiesced";
}

function eventOf(
  { state, operation, generation }: Pick<
    Lifecycle,
    "state" | "operation" | "generation"
  >,
): string {
  const document: StateEventDocument = {
    ...{ state, operation: operation?.id, generation },
  };
  const retry = goesQuiet(state) ? RETRY_MS.otherwise : RETRY_MS.running;
  // JSON text contains no line breaks.
  return `retry: ${retry}\nevent: state\ndata: ${JSON.stringify(document)}\n\n`;
}

function portEventOf(change: PortEventDocument): string {
  return `event: port\ndata: ${JSON.stringify(change)}\n\n`;
}
