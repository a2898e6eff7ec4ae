/**
 * What programs in the guest may ask for, over the hooks socket.
 * @module
 */
import { type Context, Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import * as v from "valibot";
import { EventsEntry, RequestEntry } from "./entries.ts";
import type { HookRegistry } from "./registry.ts";
import { type HookProblemKind, problemReply } from "../util/problem.ts";

/** An entry is short. */
const BODY_BYTES = 16_384;

const REFUSED = { taken: "hook-taken", full: "too-many-hooks" } as const;
const Acknowledgement = v.strictObject({
  error: v.optional(v.pipe(v.string(), v.maxLength(1024))),
});

/** Makes the app; it listens nowhere. `onError` hears what routes threw. */
export function hooksApp(
  registry: HookRegistry,
  onError: (error: unknown) => void,
): Hono {
  const app = new Hono();
  app.use(bodyLimit({
    maxSize: BODY_BYTES,
    onError: () => problem("body-too-large"),
  }));
  app.get("/hooks", (c) => c.json({ hooks: registry.list() }));
  app.post("/hooks", async (c) => {
    const entry = v.safeParse(RequestEntry, await jsonOf(c));
    if (!entry.success) return wrong(entry.issues);
    const taken = registry.register(entry.output);
    if (taken === "taken" || taken === "full") return problem(REFUSED[taken]);
    const { name } = entry.output;
    // Kept: a restarted agent knows it, too. Not yet while the guest is quiesced.
    const { kept } = registry;
    return c.json({ name, kept }, taken === "created" ? 201 : 200);
  });
  app.get("/hooks/events", (c) => {
    const entry = v.safeParse(EventsEntry, c.req.query());
    if (!entry.success) return wrong(entry.issues);
    return events(registry, entry.output);
  });
  app.post("/hooks/events/:id/ack", async (c) => {
    const body = v.safeParse(Acknowledgement, await jsonOf(c));
    if (!body.success) return wrong(body.issues);
    const known = registry.acknowledge(c.req.param("id"), body.output.error);
    return known ? c.body(null, 204) : problem("unknown-event");
  });
  app.delete("/hooks/:name", (c) => {
    switch (registry.remove(c.req.param("name"))) {
      case "removed":
        return c.body(null, 204);
      case "taken":
        return problem("hook-taken");
      default:
        return problem("unknown-hook");
    }
  });
  const allowed = {
    "/hooks": "GET, POST",
    "/hooks/events": "GET",
    "/hooks/events/:id/ack": "POST",
    "/hooks/:name": "DELETE",
  };
  for (const [path, allow] of Object.entries(allowed)) {
    app.all(path, () => problem("method-not-allowed", {}, { allow }));
  }
  app.notFound(() => problem("not-found"));
  app.onError((error) => {
    onError(error);
    return problem("internal");
  });
  return app;
}

/** The stream stays silent between events: no heartbeat, no timer. */
function events(
  registry: HookRegistry,
  entry: v.InferOutput<typeof EventsEntry>,
): Response {
  const encoder = new TextEncoder();
  let close = () => {};
  let refused: Response | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string) => controller.enqueue(encoder.encode(text));
      const opened = registry.open(entry, send);
      if (typeof opened === "string") {
        refused = problem(REFUSED[opened]);
        return controller.close();
      }
      close = opened.close;
    },
    cancel: () => close(),
  });
  return refused ?? new Response(body, {
    headers: {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
    },
  });
}

/** The body as JSON; an empty one is an empty object, a broken one undefined. */
async function jsonOf(c: Context): Promise<unknown> {
  const text = await c.req.text();
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wrong(
  issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]],
): Response {
  return problem("invalid-input", {
    errors: issues.map((issue) => ({
      // Neither names nor values of the caller's own come back.
      path: issue.type === "strict_object" ? "" : v.getDotPath(issue) ?? "",
      expected: issue.type === "strict_object"
        ? "no other fields, and all required ones"
        : issue.message.startsWith("Invalid ")
        ? issue.expected ?? "another value"
        : issue.message,
    })),
  });
}

/** Replies with a problem document. */
function problem(
  kind: HookProblemKind,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Response {
  const reply = problemReply(kind, more);
  return new Response(reply.body, {
    status: reply.status,
    headers: { ...reply.headers, ...headers },
  });
}
