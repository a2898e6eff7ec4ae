/**
 * Converts the schemas that validate to JSON Schemas. A schema that cannot be converted exactly is an
 * error, because the document must not allow what the agent refuses.
 * @module
 */
import {
  type ConversionConfig,
  toJsonSchema,
  toJsonSchemaDefs,
} from "@valibot/to-json-schema";
import type { GenericSchema } from "valibot";
import { type JsonSchema, statementOf } from "../../util/json_input.ts";

/** The place of named schemas in the OpenAPI document. */
const COMPONENTS = "#/components/schemas/";

type Definitions = Readonly<Record<string, GenericSchema>>;

function config(typeMode: "input" | "output"): ConversionConfig {
  return {
    typeMode,
    target: "draft-2020-12",
    errorMode: "throw",
    overrideRef: ({ referenceId }) => COMPONENTS + referenceId,
    // Without a format, generated clients read numbers as 32-bit floats: a time in milliseconds
    // would be wrong by minutes.
    overrideSchema: ({ valibotSchema, jsonSchema }) =>
      valibotSchema.type === "number"
        ? { ...jsonSchema, format: "double" }
        : undefined,
    overrideAction({ valibotAction, jsonSchema }) {
      if (valibotAction.type === "integer") {
        return { ...jsonSchema, type: "integer", format: "int64" };
      }
      if (valibotAction.type === "check") {
        const says = statementOf(valibotAction);
        return says && { ...jsonSchema, ...says };
      }
      // Replies are read-only. In the output of a text, its last transformation does not matter: see
      // `textSchemaOf`.
      const silent = ["readonly", "transform"].includes(valibotAction.type);
      return silent ? jsonSchema : undefined;
    },
  };
}

/** The schema of a JSON value; named schemas are referenced. */
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
 * The schema of the value that a text in a query or a header represents (`asText`): a client that has
 * a number writes the number as text.
 */
export function textSchemaOf(schema: GenericSchema): JsonSchema {
  const { $schema: _, ...rest } = toJsonSchema(schema, config("output"));
  return rest;
}
