/**
 * The routes of the hooks socket, for programs in the guest.
 * @module
 */
import { Hono } from "hono";
import * as v from "valibot";
import { EventsEntry, RequestEntry } from "./entries.ts";
import type { HookRegistry } from "./registry.ts";
import { fields, issuesOf } from "../util/json_input.ts";
import { type HookProblemKind, problemReply } from "../util/problem.ts";
import { readRequestBody } from "../util/request_body.ts";
import { textOf } from "../util/utf8.ts";

/** Maximum bytes of a request's body. */
const BODY_BYTES = 16_384;

const REFUSED = { taken: "hook-taken", full: "too-many-hooks" } as const;
const ERROR_FORM = "a text of at most 1024 characters";
const Acknowledgement = fields({
  error: v.optional(
    v.pipe(v.string(ERROR_FORM), v.maxLength(1024, ERROR_FORM)),
  ),
});

/** The app that replies to programs; `body` is the whole body of a request. */
type HooksApp = Hono<{ Variables: { body: Uint8Array } }>;

/** Creates the app without a listener. `onError` is called with the errors of routes. */
export function hooksApp(
  registry: HookRegistry,
  onError: (error: unknown) => void,
): HooksApp {
  const app: HooksApp = new Hono();
  app.use(async (c, next) => {
    const body = await readRequestBody(c.req.raw, BODY_BYTES);
    if (typeof body === "string") return problem(body);
    c.set("body", body);
    await next();
  });
  app.get("/hooks", (c) => c.json({ hooks: registry.list() }));
  app.post("/hooks", (c) => {
    const entry = v.safeParse(RequestEntry, jsonOf(c.get("body")));
    if (!entry.success) return wrong(entry.issues);
    const taken = registry.register(entry.output);
    if (taken === "taken" || taken === "full") return problem(REFUSED[taken]);
    const { name } = entry.output;
    // `kept` is false while the guest is quiesced, and if the file cannot be written.
    const { kept } = registry;
    return c.json({ name, kept }, taken === "created" ? 201 : 200);
  });
  app.get("/hooks/events", (c) => {
    const entry = v.safeParse(EventsEntry, c.req.query());
    if (!entry.success) return wrong(entry.issues);
    return events(registry, entry.output);
  });
  app.post("/hooks/events/:id/ack", (c) => {
    const body = v.safeParse(Acknowledgement, jsonOf(c.get("body")));
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

/** Opens an event stream. It has no heartbeat, so that it causes no wakeup. */
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

/** The body as JSON; {} if the body is empty, undefined if it is not JSON in UTF-8. */
function jsonOf(body: Uint8Array): unknown {
  const text = textOf(body);
  if (text === undefined) return undefined;
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wrong(issues: readonly v.BaseIssue<unknown>[]): Response {
  return problem("invalid-input", { errors: issuesOf(issues) });
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
