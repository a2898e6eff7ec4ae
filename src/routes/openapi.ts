/**
 * GET /openapi.json
 * @module
 */
import { toJsonSchema } from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { OPEN_METRICS } from "../metrics.ts";
import { VERSION } from "../version.ts";
import { PROBLEMS } from "./problem.ts";
import {
  Health,
  PrepareReport,
  Problem,
  RecoverReply,
  Status,
} from "./documents.ts";
import { HostTime, PrepareBody, RecoverBody } from "./schemas.ts";

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document, from the schemas that validate. */
export function openapi(): Json {
  return {
    openapi: "3.1.0",
    info: {
      title: "Lull",
      version: VERSION,
      description:
        "Makes a virtual machine safe to snapshot, and right again after the restore.",
    },
    paths: {
      "/snapshot/prepare": {
        post: {
          summary: "Quiesce the guest",
          parameters: parameters(PrepareBody),
          requestBody: body(PrepareBody),
          responses: {
            204: { description: "Quiesced; the settle goes on." },
            200: json("Settled; the report.", PrepareReport),
            ...problems(
              "invalid-input",
              "body-timeout",
              "overtaken",
              "body-too-large",
              "prepare-failed",
            ),
          },
        },
      },
      "/health": {
        get: {
          summary: "Check health; the first check after a prepare recovers",
          parameters: [{
            name: "Lull-Host-Time",
            in: "header",
            required: false,
            schema: schemaOf(HostTime),
          }],
          responses: {
            200: json("Healthy.", Health),
            ...problems("invalid-input", "entropy-missing"),
          },
        },
      },
      "/snapshot": {
        get: {
          summary: "Read the status, changing nothing",
          responses: { 200: json("The status document.", Status) },
        },
      },
      "/snapshot/recover": {
        post: {
          summary: "Recover; with nothing to recover it says so",
          requestBody: body(RecoverBody),
          responses: {
            200: json("The report of the recovery.", RecoverReply),
            ...problems(
              "invalid-input",
              "body-timeout",
              "body-too-large",
              "entropy-missing",
            ),
          },
        },
      },
      "/metrics": {
        get: {
          summary: "Read the metrics",
          responses: {
            200: {
              description: "OpenMetrics text.",
              content: { [OPEN_METRICS]: { schema: { type: "string" } } },
            },
          },
        },
      },
      "/openapi.json": {
        get: {
          summary: "Read this document",
          responses: { 200: { description: "OpenAPI 3.1." } },
        },
      },
    },
  };
}

function schemaOf(schema: GenericSchema): Json {
  const { $schema: _, ...rest } = toJsonSchema(schema, {
    target: "draft-2020-12",
    typeMode: "input",
    // What JSON Schema cannot say is said by the validation's own reply.
    errorMode: "ignore",
  });
  return rest;
}

function json(description: string, schema: GenericSchema): Json {
  return {
    description,
    content: { "application/json": { schema: schemaOf(schema) } },
  };
}

function body(schema: GenericSchema): Json {
  return {
    required: false,
    content: { "application/json": { schema: schemaOf(schema) } },
  };
}

function parameters(schema: GenericSchema): Json[] {
  const properties = schemaOf(schema).properties as Record<string, Json>;
  return Object.entries(properties).map(([name, property]) => ({
    name,
    in: "query",
    required: false,
    schema: property,
  }));
}

function problems(...kinds: (keyof typeof PROBLEMS)[]): Json {
  return Object.fromEntries(kinds.map((kind) => [PROBLEMS[kind][0], {
    description: PROBLEMS[kind][1],
    content: { "application/problem+json": { schema: schemaOf(Problem) } },
  }]));
}
