/**
 * The checks of `lull conformance` on a guest that runs: documents, and refusals of wrong calls. Each
 * leaves the guest running.
 * @module
 */
import type { Agent } from "./conformance_agent.ts";
import {
  expect,
  expectNoStore,
  expectProblem,
  same,
} from "./conformance_expect.ts";

/** One check. It throws an Error that says what is not as it should be. */
export interface ConformanceCheck {
  /** What the agent does, as a sentence without its subject. */
  readonly name: string;
  readonly run: (agent: Agent) => Promise<void>;
}

/** More than the largest body that an agent has to take. */
const TOO_MANY_BYTES = 70_000;

/** The checks of calls that quiesce no guest. */
export const CALL_CHECKS: readonly ConformanceCheck[] = [
  {
    name:
      "replies to a health check: 200, version, state, generation, no-store",
    async run(agent) {
      const reply = await agent.get("/health");
      expect(reply, 200);
      expectNoStore(reply);
      const { version, state, generation } = reply.json();
      same(typeof version, "string", "the type of version");
      same(state, "running", "the state");
      same(typeof generation, "number", "the type of generation");
    },
  },
  {
    name: "has a status, which changes nothing",
    async run(agent) {
      const before = await agent.status();
      const after = await agent.status();
      same(before.state, "running", "the state");
      same(after.generation, before.generation, "the generation");
    },
  },
  {
    name: "has metrics as OpenMetrics text",
    async run(agent) {
      const reply = await agent.get("/metrics", {
        accept: "application/openmetrics-text",
      });
      expect(reply, 200);
      same(reply.text.endsWith("# EOF\n"), true, "the end # EOF");
    },
  },
  {
    name: "has an OpenAPI 3.1 document of its calls",
    async run(agent) {
      const reply = await agent.get("/openapi.json");
      expect(reply, 200);
      same(String(reply.json().openapi).slice(0, 4), "3.1.", "the version");
    },
  },
  {
    name: "refuses an unknown path with 404, a wrong method with 405 and Allow",
    async run(agent) {
      expectProblem(await agent.get("/no/such/path"), 404);
      const reply = await agent.get("/snapshot/prepare");
      expectProblem(reply, 405);
      same(reply.headers.get("allow"), "POST", "the header Allow");
    },
  },
  {
    name: "refuses a wrong value with 400 and the path of its field",
    async run(agent) {
      const reply = await agent.post("/snapshot/prepare", { lease: -1 });
      expectProblem(reply, 400);
      same(reply.json().errors?.[0]?.path, "lease", "the path");
      same((await agent.status()).state, "running", "the state");
    },
  },
  {
    name: "refuses a body of 70 kB with 413",
    async run(agent) {
      const operation = "x".repeat(TOO_MANY_BYTES);
      expectProblem(await agent.post("/snapshot/prepare", { operation }), 413);
    },
  },
  {
    name: "refuses a POST of a browser with 403",
    async run(agent) {
      const origin = { origin: "http://example.invalid" };
      expectProblem(await agent.post("/snapshot/prepare", {}, origin), 403);
      same((await agent.status()).state, "running", "the state");
    },
  },
  {
    name: "says that there is nothing to recover",
    async run(agent) {
      const reply = await agent.post("/snapshot/recover");
      expect(reply, 200);
      same(reply.json().recovered, false, "recovered");
    },
  },
];
