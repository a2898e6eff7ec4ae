/**
 * The types of the client are those of the schemas: as text, and for the type check.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type * as v from "valibot";
import type * as client from "../../src/client/mod.ts";
import type * as documents from "../../src/http/routes/documents.ts";
import type * as portDocuments from "../../src/http/routes/port_documents.ts";
import type { PortRulesBody } from "../../src/http/routes/port_schemas.ts";
import type {
  PrepareBody,
  RecoverBody,
} from "../../src/http/routes/schemas.ts";
import type * as reports from "../../src/lifecycle/reports.ts";
import { clientTypes, TYPES_FILE } from "../../src/release/client_types.ts";

test("the file of the types is what the schemas make", () => {
  assert.equal(
    readFileSync(TYPES_FILE, "utf8"),
    clientTypes(),
    "run make client-types",
  );
});

/** The type, with all of its parts read-only. */
type Deep<T> = T extends object ? { readonly [K in keyof T]: Deep<T[K]> } : T;

/** The type, with all of its parts required: a missing optional field then makes a difference. */
type Whole<T> = T extends object ? { readonly [K in keyof T]-?: Whole<T[K]> }
  : T;

type Both<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false;

/** True if both types have the same fields, of the same types. */
type Same<A, B> = Both<[Deep<A>, Whole<A>], [Deep<B>, Whole<B>]>;

test("the type check finds the types equal to those of the schemas", () => {
  const equal: readonly true[] = [
    true satisfies Same<
      client.PrepareOptions,
      Omit<v.InferInput<typeof PrepareBody>, "wait">
    >,
    true satisfies Same<
      client.RecoverOptions,
      v.InferInput<typeof RecoverBody>
    >,
    true satisfies Same<client.Health, documents.HealthDocument>,
    true satisfies Same<client.Status, documents.StatusDocument>,
    true satisfies Same<client.PrepareReport, documents.PrepareReportDocument>,
    true satisfies Same<
      client.RecoverReply,
      v.InferOutput<typeof documents.RecoverReply>
    >,
    true satisfies Same<client.RecoveryReport, reports.Recovery>,
    true satisfies Same<client.StateEvent, documents.StateEventDocument>,
    true satisfies Same<client.Problem, documents.ProblemDocument>,
    true satisfies Same<client.PortList, portDocuments.PortListDocument>,
    true satisfies Same<client.PortEvent, portDocuments.PortEventDocument>,
    true satisfies Same<
      client.PortRulesReply,
      portDocuments.PortRulesReplyDocument
    >,
    true satisfies Same<
      client.PortRulesOptions,
      v.InferInput<typeof PortRulesBody>
    >,
  ];
  // What differs from a schema is no `true`, in either direction.
  false satisfies Same<{ a: string }, { a: string; b?: number }>;
  false satisfies Same<{ a: "x" | "y" }, { a: "x" }>;
  assert.equal(equal.length, 13);
});
