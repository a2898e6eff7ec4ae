/**
 * What comes in and what goes out, as valibot schemas: they validate the input,
 * type the output, and make the OpenAPI document.
 * @module
 */
import * as v from "valibot";

/** The longest lease that a caller may ask for, in seconds: one day. */
export const LEASE_MOST = 86_400;

const OperationId = v.pipe(
  v.string(),
  v.regex(/^[\w.:-]{1,64}$/, "1 to 64 of A-Z a-z 0-9 _ . : -"),
  v.description("Id of the operation; made by the agent where none is given."),
);

const Lease = v.pipe(
  v.number("a number of seconds"),
  v.gtValue(0, "more than 0 seconds"),
  v.maxValue(LEASE_MOST, `at most ${LEASE_MOST} seconds`),
  v.description(
    "Seconds of guest time after which the guest recovers on its own.",
  ),
);

const Wait = v.pipe(
  v.literal("settled", "the word settled"),
  v.description("Reply with 200 and the report, after the settle."),
);

/** The body of a prepare. */
export const PrepareBody = v.strictObject({
  wait: v.optional(Wait),
  lease: v.optional(Lease),
  operation: v.optional(OperationId),
});

/** The query of a prepare: the same fields, as text. */
export const PrepareQuery = v.strictObject({
  wait: v.optional(Wait),
  lease: v.optional(v.pipe(
    v.string(),
    v.regex(/^-?\d+(\.\d+)?$/, "a number of seconds"),
    v.transform(Number),
    Lease,
  )),
  operation: v.optional(OperationId),
});

const Outcomes = ["restored", "resumed", "expired", "aborted"] as const;

/** The query of a route that takes none. */
export const NoQuery = v.strictObject({});

/** The body of a recover. */
export const RecoverBody = v.strictObject({
  outcome: v.optional(v.pipe(
    v.picklist(
      ["restored", "resumed", "aborted"],
      "restored, resumed or aborted",
    ),
    v.description("How the operation ended, as the host knows it."),
  )),
});

const Milliseconds = v.pipe(v.number(), v.minValue(0));

const StepReport = v.object({
  name: v.string(),
  status: v.picklist(["done", "skipped", "failed", "timeout", "overtaken"]),
  ms: Milliseconds,
  effect: v.optional(v.record(v.string(), v.unknown())),
  reason: v.optional(v.string()),
});

/** How an operation ended. */
export const RecoveryReport = v.object({
  operation: v.string(),
  trigger: v.picklist([
    "health",
    "recover",
    "evidence",
    "lease",
    "signal",
    "failure",
  ]),
  outcome: v.picklist(Outcomes),
  generation: v.number(),
  ms: Milliseconds,
  steps: v.pipe(v.array(StepReport), v.readonly()),
});

/** The reply of a recover. */
export const RecoverReply = v.object({
  recovered: v.pipe(
    v.boolean(),
    v.description("False where there was nothing to recover."),
  ),
  recovery: v.optional(RecoveryReport),
});

const States = [
  "running",
  "preparing",
  "quiesced",
  "undoing",
  "recovering",
] as const;

/** The reply of a health check. */
export const Health = v.object({
  version: v.string(),
  state: v.picklist(States),
  generation: v.number(),
});

/** The report of a prepare. */
export const PrepareReport = v.object({
  operation: v.string(),
  settled: v.boolean(),
  quiescedMs: v.optional(Milliseconds),
  settledMs: v.optional(Milliseconds),
  steps: v.pipe(v.array(StepReport), v.readonly()),
});

/** The status document. */
export const Status = v.object({
  version: v.string(),
  runtime: v.object({ name: v.string(), version: v.string() }),
  state: v.picklist(States),
  generation: v.number(),
  settled: v.boolean(),
  keepAlive: v.boolean(),
  lease: v.object({
    seconds: v.number(),
    left: v.pipe(v.number(), v.description("Seconds of guest time left.")),
  }),
  operation: v.optional(PrepareReport),
  lastRecovery: v.optional(RecoveryReport),
  ports: v.optional(v.object({
    state: v.string(),
    ports: v.pipe(
      v.array(v.object({
        port: v.number(),
        targets: v.pipe(v.array(v.string()), v.readonly()),
        listening: v.boolean(),
        error: v.optional(v.string()),
      })),
      v.readonly(),
    ),
  })),
});

/** RFC 9457. */
export const Problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.number(),
  detail: v.optional(v.string()),
  state: v.picklist(States),
  errors: v.optional(v.array(v.object({
    path: v.string(),
    expected: v.string(),
  }))),
  report: v.optional(v.object({
    prepare: PrepareReport,
    undo: RecoveryReport,
  })),
});

/** Types of the documents above. */
export type StatusDocument = v.InferOutput<typeof Status>;
export type ProblemDocument = v.InferOutput<typeof Problem>;
export type PrepareReportDocument = v.InferOutput<typeof PrepareReport>;
