/**
 * JSON Schemas from the schemas that validate. What cannot be converted exactly is an
 * error: the document must not allow what the agent refuses.
 * @module
 */
import {
  type ConversionConfig,
  toJsonSchema,
  toJsonSchemaDefs,
} from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { type JsonSchema, statementOf } from "../../util/json_input.ts";

/** Where the OpenAPI document keeps the schemas that have a name. */
const COMPONENTS = "#/components/schemas/";

type Definitions = Readonly<Record<string, GenericSchema>>;

function config(typeMode: "input" | "output"): ConversionConfig {
  return {
    typeMode,
    target: "draft-2020-12",
    errorMode: "throw",
    overrideRef: ({ referenceId }) => COMPONENTS + referenceId,
    overrideAction({ valibotAction, jsonSchema }) {
      if (valibotAction.type === "check") {
        const says = statementOf(valibotAction);
        return says && { ...jsonSchema, ...says };
      }
      // Replies are read-only; and in the output of a text its last transformation
      // is of no concern: see `textSchemaOf`.
      const silent = ["readonly", "transform"].includes(valibotAction.type);
      return silent ? jsonSchema : undefined;
    },
  };
}

/** The schema of what is sent in JSON; the named ones are referred to. */
export function schemaOf(
  schema: GenericSchema,
  definitions: Definitions = {},
): JsonSchema {
  const { $schema: _, $defs: __, ...rest } = toJsonSchema(schema, {
    ...config("input"),
    definitions,
  });
  return rest;
}

/** All named schemas. */
export function componentsOf(definitions: Definitions): JsonSchema {
  return toJsonSchemaDefs(definitions, config("input"));
}

/**
 * The schema of what a text in a query or a header stands for (`asText`): a client
 * that has a number writes it as text by itself.
 */
export function textSchemaOf(schema: GenericSchema): JsonSchema {
  const { $schema: _, ...rest } = toJsonSchema(schema, config("output"));
  return rest;
}
