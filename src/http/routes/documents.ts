/**
 * The documents of replies, as valibot schemas. The types of the replies and their part of the OpenAPI
 * document are made from them.
 * @module
 */
import * as v from "valibot";
import { KINDS } from "../../lifecycle/request.ts";
import { STATES } from "../../lifecycle/machine.ts";
import {
  described,
  Generation,
  Milliseconds,
  Recovery,
  RenewedItem,
  Repaired,
  StepReport,
  TraceReport,
} from "../../lifecycle/reports.ts";

const Late = v.pipe(
  v.array(StepReport),
  v.readonly(),
  v.description("Repairs after the recovery, when the host sent its data."),
);

const Renewal = v.pipe(
  v.object({
    required: v.pipe(
      v.boolean(),
      v.description("Health is refused until all items are done."),
    ),
    done: described(
      v.boolean(),
      "Whether every item is renewed, or absent in this guest.",
    ),
    items: v.pipe(v.array(RenewedItem), v.readonly()),
  }),
  v.description(
    "The items of the identity that the host asked for since the last recovery.",
  ),
);

const Whole = v.pipe(v.number(), v.integer());

/** The reply of a recover. */
export const RecoverReply = v.object({
  recovered: v.pipe(
    v.boolean(),
    v.description("False if there was nothing to recover."),
  ),
  recovery: v.optional(Recovery),
  late: v.optional(Late),
});

/** The reply of a health check. */
export const Health = v.object({
  version: v.string(),
  state: v.picklist(STATES),
  generation: Generation,
});

/** The data of an event `state`. */
export const StateEvent = v.object({
  state: v.picklist(STATES),
  operation: v.optional(v.pipe(
    v.string(),
    v.description("The operation under way, or the last one."),
  )),
  generation: Generation,
});

/** The report of a prepare. */
export const PrepareReport = v.object({
  operation: v.string(),
  kind: v.pipe(
    v.picklist(KINDS),
    v.description(
      "Kind of snapshot. Steps that it leaves out are skipped, with the reason.",
    ),
  ),
  settled: described(v.boolean(), "Whether the settle has ended."),
  quiescedMs: v.optional(described(
    Milliseconds,
    "Milliseconds until the guest was quiesced.",
  )),
  settledMs: v.optional(
    described(
      Milliseconds,
      "Milliseconds until the settle ended.",
    ),
  ),
  steps: described(
    v.pipe(v.array(StepReport), v.readonly()),
    "The steps, in the order in which they ran.",
  ),
  trace: v.optional(TraceReport),
});

/** The status document. */
export const Status = v.object({
  version: v.string(),
  runtime: v.object({ name: v.string(), version: v.string() }),
  state: v.picklist(STATES),
  generation: Generation,
  settled: v.pipe(
    v.boolean(),
    v.description(
      "The machine may be paused: the settle has ended, and no mount has thawed by itself since.",
    ),
  ),
  keepAlive: described(
    v.boolean(),
    "Whether connections stay open after a reply; not in a quiesced guest.",
  ),
  lease: v.object({
    seconds: described(v.number(), "Seconds of the whole lease."),
    left: v.pipe(v.number(), v.description("Seconds of guest time left.")),
  }),
  /** The prepare under way, or the last one. */
  operation: v.optional(PrepareReport),
  lastRecovery: v.optional(Recovery),
  late: v.optional(Late),
  renewal: v.optional(Renewal),
  repaired: v.optional(described(
    v.pipe(v.array(Repaired), v.readonly()),
    "The changes that a killed agent left, and that this one undid at its start.",
  )),
  owedThaws: v.optional(v.pipe(
    v.array(v.string()),
    v.readonly(),
    v.description(
      "Hooks whose thaw failed. A program gets it when it registers again.",
    ),
  )),
  ready: v.optional(v.pipe(
    v.number(),
    v.integer(),
    v.description(
      "Number of programs that have reached the point where the snapshot may be taken (lull ready). Not given if there is none.",
    ),
  )),
  workingSet: v.optional(v.pipe(
    v.object({
      pageSize: v.pipe(v.number(), v.description("Bytes of a page.")),
      ranges: v.pipe(
        v.array(v.pipe(
          v.tuple([v.number(), v.number()]),
          v.readonly(),
          v.description("Guest-physical address, and bytes."),
        )),
        v.readonly(),
      ),
    }),
    v.description(
      "Memory that a recovery needs, after the settle, with --publish-working-set. Only for callers outside of the guest that may prepare.",
    ),
  )),
  ports: v.optional(v.object({
    state: v.string(),
    ports: v.pipe(
      v.array(v.object({
        port: Whole,
        targets: v.pipe(v.array(v.string()), v.readonly()),
        listening: v.boolean(),
        error: v.optional(v.string()),
      })),
      v.readonly(),
    ),
  })),
});

/** A problem document (RFC 9457). */
export const Problem = v.object({
  type: v.string(),
  title: v.string(),
  status: Whole,
  detail: v.optional(v.string()),
  state: v.picklist(STATES),
  errors: v.optional(described(
    v.array(v.object({
      path: described(v.string(), "The wrong field; empty for the whole body."),
      expected: v.string(),
    })),
    "What is wrong with the call.",
  )),
  report: v.optional(described(
    v.object({
      prepare: PrepareReport,
      undo: Recovery,
    }),
    "The prepare that failed, and how it was undone.",
  )),
  recovery: v.optional(Recovery),
  late: v.optional(Late),
  fields: v.optional(v.pipe(
    v.array(v.string()),
    v.readonly(),
    v.description("The fields of the call that were not applied."),
  )),
});

/** Types of the documents above. */
export type HealthDocument = v.InferOutput<typeof Health>;
export type StateEventDocument = v.InferOutput<typeof StateEvent>;
export type StatusDocument = v.InferOutput<typeof Status>;
export type ProblemDocument = v.InferOutput<typeof Problem>;
export type PrepareReportDocument = v.InferOutput<typeof PrepareReport>;
