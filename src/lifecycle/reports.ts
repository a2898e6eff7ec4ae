/**
 * The reports of an operation, as valibot schemas: replies and the status have them, and the OpenAPI
 * document describes them. Their types follow from the schemas.
 * @module
 */
import * as v from "valibot";
import { KINDS, OUTCOMES, RENEWABLE, TRIGGERS } from "./request.ts";

/** The schema, with its description in the OpenAPI document and in the types of the client. */
export function described<const S extends v.GenericSchema>(
  schema: S,
  text: string,
) {
  return v.pipe(schema, v.description(text));
}

/** A duration. */
export const Milliseconds = v.pipe(v.number(), v.minValue(0));

/** A number that grows by one at every recovery. */
export const Generation = v.pipe(v.number(), v.integer());

/** The report of a step, an undo or a repair. */
export const StepReport = v.object({
  name: v.string(),
  status: described(
    v.picklist(["done", "skipped", "failed", "timeout", "overtaken"]),
    "timeout: not done within its limit. overtaken: the operation ended before the step did.",
  ),
  ms: Milliseconds,
  effect: v.optional(described(
    v.record(v.string(), v.unknown()),
    "What the step did, in its own terms. Sizes are in bytes.",
  )),
  reason: v.optional(
    described(v.string(), "Why the step was skipped, or how it failed."),
  ),
});
export type StepReport = Readonly<v.InferOutput<typeof StepReport>>;

const Nanoseconds = v.pipe(
  v.string(),
  v.regex(/^[0-9]+$/),
  v.description("Nanoseconds since 1970."),
);

/** The trace of a transition, for a host that exports it; src/lifecycle/trace.ts makes it. */
export const TraceReport = v.pipe(
  v.object({
    traceId: v.pipe(v.string(), v.description("32 hexadecimal digits.")),
    sampled: v.boolean(),
    /** The first span is that of the call, and the parent of the others. */
    spans: v.pipe(
      v.array(v.object({
        spanId: v.string(),
        parentId: v.string(),
        name: v.string(),
        start: Nanoseconds,
        end: v.optional(Nanoseconds),
      })),
      v.readonly(),
    ),
  }),
  v.description("Only if the call had a valid traceparent."),
);

const EvidenceSource = v.object({
  name: v.picklist(["vmgenid", "vmclock", "rtc", "ptp"]),
  available: v.boolean(),
  reason: v.optional(described(
    v.string(),
    "Why the source is not available, or why its answer is uncertain.",
  )),
  finding: v.optional(described(
    v.string(),
    "What the source found. Not given if it found no sign of a pause or a restore.",
  )),
});
/** The answer of one source of evidence. */
export type EvidenceSource = Readonly<v.InferOutput<typeof EvidenceSource>>;

/** The evidence of a restore, from the kernel and the clocks; src/evidence/ collects it. */
export const Evidence = v.object({
  conclusive: described(
    v.boolean(),
    "Whether restored is certain, be it true or false.",
  ),
  restored: described(
    v.boolean(),
    "The kernel, or the VMClock device, reports that this machine is a fork.",
  ),
  paused: described(v.boolean(), "The machine was paused or restored."),
  sources: v.pipe(v.array(EvidenceSource), v.readonly()),
});
export type Evidence = Readonly<v.InferOutput<typeof Evidence>>;

/** The result of one item of the identity; src/identity/ renews them. */
export const RenewedItem = v.looseObject({
  item: v.picklist(RENEWABLE),
  status: described(
    v.picklist(["renewed", "absent", "failed"]),
    "absent: this guest has no such item.",
  ),
  reason: v.optional(
    described(v.string(), "Why the item is absent, or how it failed."),
  ),
});
export type RenewedItem = Readonly<v.InferOutput<typeof RenewedItem>>;

/** The report of a recovery or of the undo of a failed prepare. */
export const Recovery = v.object({
  operation: v.string(),
  kind: described(
    v.picklist(KINDS),
    "The kind of snapshot that the guest had prepared for.",
  ),
  trigger: described(
    v.picklist([...TRIGGERS, "failure"]),
    "What began the recovery. failure: the prepare failed and was undone without a call.",
  ),
  outcome: v.picklist(OUTCOMES),
  generation: described(Generation, "The generation that this recovery began."),
  ms: Milliseconds,
  /** The evidence of a restore that the guest itself found. */
  evidence: v.optional(Evidence),
  steps: described(
    v.pipe(v.array(StepReport), v.readonly()),
    "The repairs and undos, in their order. The list grows if a step ends after its operation and is undone then.",
  ),
  trace: v.optional(TraceReport),
});
export type Recovery = Readonly<v.InferOutput<typeof Recovery>>;

/** A change that a killed agent left, and that this one undid at its start. */
export const Repaired = v.object({
  kind: v.string(),
  status: described(
    v.picklist(["repaired", "owed", "failed", "corrupt"]),
    "owed: hooks have not got their thaw yet. failed: the change or a part of it is not undone. In both cases the rest stays recorded. corrupt: the record could not be read, and its file was renamed.",
  ),
  ms: Milliseconds,
  effect: v.optional(described(
    v.record(v.string(), v.unknown()),
    "What was done, in its own terms.",
  )),
  owed: v.optional(v.pipe(
    v.array(v.string()),
    v.readonly(),
    v.description("Hooks that are still owed their thaw."),
  )),
  reason: v.optional(v.string()),
});
export type Repaired = Readonly<v.InferOutput<typeof Repaired>>;
