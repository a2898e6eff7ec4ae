/**
 * The checks of `lull conformance` that prepare and recover the guest. They run in this order, and
 * each leaves the guest in the state in which the next one finds it.
 * @module
 */
import type { ConformanceCheck } from "./conformance_checks.ts";
import {
  expect,
  expectNoStore,
  expectOperation,
  expectProblem,
  OPERATION,
  same,
} from "./conformance_expect.ts";
import { waitUntil } from "./wait_until.ts";

/** Milliseconds for a settle, and for a recovery by the lease of one second. */
const SETTLE_MS = 30_000;
const LEASE_MS = 10_000;

/** The checks of a round, from prepare to recover. */
export const ROUND_CHECKS: readonly ConformanceCheck[] = [
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
