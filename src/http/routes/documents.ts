/**
 * What goes out, as valibot schemas: they type the replies, and make their part
 * of the OpenAPI document.
 * @module
 */
import * as v from "valibot";

const Outcomes = ["restored", "resumed", "expired", "aborted"] as const;

const Milliseconds = v.pipe(v.number(), v.minValue(0));

/** What became of one step. */
export const StepReport = v.object({
  name: v.string(),
  status: v.picklist(["done", "skipped", "failed", "timeout", "overtaken"]),
  ms: Milliseconds,
  effect: v.optional(v.record(v.string(), v.unknown())),
  reason: v.optional(v.string()),
});

/** What the kernel and the clocks say. */
export const Evidence = v.object({
  conclusive: v.boolean(),
  restored: v.boolean(),
  paused: v.boolean(),
  sources: v.pipe(
    v.array(v.object({
      name: v.picklist(["vmgenid", "rtc", "ptp"]),
      available: v.boolean(),
      reason: v.optional(v.string()),
      finding: v.optional(v.string()),
    })),
    v.readonly(),
  ),
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
  evidence: v.optional(Evidence),
  steps: v.pipe(v.array(StepReport), v.readonly()),
});

const Late = v.pipe(
  v.array(StepReport),
  v.readonly(),
  v.description("Repairs done after the recovery, when the host's word came."),
);

/** The reply of a recover. */
export const RecoverReply = v.object({
  recovered: v.pipe(
    v.boolean(),
    v.description("False where there was nothing to recover."),
  ),
  recovery: v.optional(RecoveryReport),
  late: v.optional(Late),
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

/** What a killed agent had left, and the next one took back. */
export const Repaired = v.object({
  kind: v.string(),
  status: v.picklist(["repaired", "owed", "failed", "corrupt"]),
  ms: Milliseconds,
  effect: v.optional(v.record(v.string(), v.unknown())),
  owed: v.optional(v.pipe(
    v.array(v.string()),
    v.readonly(),
    v.description("Hooks that have not had their thaw yet."),
  )),
  reason: v.optional(v.string()),
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
  late: v.optional(Late),
  /** What a killed agent had left, and this one took back at its start. */
  repaired: v.optional(v.pipe(v.array(Repaired), v.readonly())),
  owedThaws: v.optional(v.pipe(
    v.array(v.string()),
    v.readonly(),
    v.description(
      "Hooks whose thaw failed. A program gets it when it registers again.",
    ),
  )),
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
  recovery: v.optional(RecoveryReport),
  late: v.optional(Late),
  fields: v.optional(v.pipe(
    v.array(v.string()),
    v.readonly(),
    v.description("The fields of the call that were not applied."),
  )),
});

/** Types of the documents above. */
export type HealthDocument = v.InferOutput<typeof Health>;
export type StatusDocument = v.InferOutput<typeof Status>;
export type ProblemDocument = v.InferOutput<typeof Problem>;
export type PrepareReportDocument = v.InferOutput<typeof PrepareReport>;
