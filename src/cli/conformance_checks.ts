/**
 * The checks of `lull conformance`: what a host may rely on, whatever agent replies. They run in
 * this order, and each leaves the guest in the state in which the next one finds it.
 * @module
 */
import { waitUntil } from "./wait_until.ts";
import type { Agent } from "./conformance_agent.ts";
import {
  expect,
  expectNoStore,
  expectOperation,
  expectProblem,
  OPERATION,
  same,
} from "./conformance_expect.ts";

/** One check. It throws an Error that says what is not as it should be. */
export interface ConformanceCheck {
  /** What the agent does, as a sentence without its subject. */
  readonly name: string;
  readonly run: (agent: Agent) => Promise<void>;
}

/** Milliseconds for a settle, and for a recovery by the lease of one second. */
const SETTLE_MS = 30_000;
const LEASE_MS = 10_000;
/** More than the largest body that an agent has to take. */
const TOO_MANY_BYTES = 70_000;

/** All checks. */
export const CHECKS: readonly ConformanceCheck[] = [
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
      const reply = await agent.get("/metrics");
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
  {
    name: "prepares: 204, no-store, the operation in a header; then quiesced",
    async run(agent) {
      const reply = await agent.post("/snapshot/prepare", {
        operation: OPERATION,
      });
      expect(reply, 204);
      expectNoStore(reply);
      expectOperation(reply);
      same((await agent.status()).state, "quiesced", "the state");
    },
  },
  {
    name: "keeps the operation at a second prepare",
    async run(agent) {
      const reply = await agent.post("/snapshot/prepare");
      expect(reply, 204);
      expectOperation(reply);
    },
  },
  {
    name: "refuses to recover another operation with 409, and stays quiesced",
    async run(agent) {
      const operation = `${OPERATION}-other`;
      expectProblem(await agent.post("/snapshot/recover", { operation }), 409);
      same((await agent.status()).state, "quiesced", "the state");
    },
  },
  {
    name: "settles, and the status says so",
    async run(agent) {
      // Joins the operation, if the checks before left it.
      await agent.post("/snapshot/prepare", { operation: OPERATION });
      await waitUntil(
        "settled",
        SETTLE_MS,
        async () => (await agent.status()).settled,
      );
    },
  },
  {
    name: "sends the state of a quiesced guest as the first event",
    async run(agent) {
      same((await agent.event()).state, "quiesced", "the state");
      same((await agent.status()).state, "quiesced", "the state after it");
    },
  },
  {
    name: "recovers with the host's time: the next generation, and a report",
    async run(agent) {
      const { generation } = await agent.status();
      const reply = await agent.post("/snapshot/recover", {
        operation: OPERATION,
        outcome: "resumed",
        hostTime: Date.now(),
      });
      expect(reply, 200);
      const { recovered, recovery } = reply.json();
      same(recovered, true, "recovered");
      same(recovery.generation, generation + 1, "the generation");
      same(recovery.trigger, "recover", "the trigger");
      same((await agent.status()).state, "running", "the state");
    },
  },
  {
    name: "recovers once: a second call changes nothing",
    async run(agent) {
      const { generation } = await agent.status();
      expect(
        await agent.post("/snapshot/recover", { operation: OPERATION }),
        200,
      );
      same((await agent.status()).generation, generation, "the generation");
    },
  },
  {
    name: "replies with the report after the settle if it is asked to",
    async run(agent) {
      const reply = await agent.post("/snapshot/prepare", { wait: "settled" });
      expect(reply, 200);
      const { settled, steps } = reply.json();
      same(settled, true, "settled");
      same(Array.isArray(steps), true, "a list of steps");
    },
  },
  {
    name: "recovers at the first health check",
    async run(agent) {
      const { generation } = await agent.status();
      const reply = await agent.get("/health");
      expect(reply, 200);
      same(reply.json().generation, generation + 1, "the generation");
    },
  },
  {
    name: "recovers on its own when the lease of one second ends",
    async run(agent) {
      expect(await agent.post("/snapshot/prepare", { lease: 1 }), 204);
      await waitUntil(
        "running",
        LEASE_MS,
        async () => (await agent.status()).state === "running",
      );
      const { lastRecovery } = await agent.status();
      same(lastRecovery?.trigger, "lease", "the trigger");
    },
  },
];
