/**
 * The types of the client, from the schemas of requests and replies. `make client-types` writes
 * them to src/client/types.ts: the client then needs no schema and no package.
 * @module
 */
import { fileURLToPath } from "node:url";
import { writeFileSync } from "node:fs";
import { componentsOf } from "../http/routes/json_schema.ts";
import { SHARED } from "../http/routes/openapi_replies.ts";
import { PortRulesBody } from "../http/routes/port_schemas.ts";
import { PrepareBody, RecoverBody } from "../http/routes/schemas.ts";
import { TraceReport } from "../lifecycle/reports.ts";

/** The file that has the types. */
export const TYPES_FILE: string = fileURLToPath(
  new URL("../client/types.ts", import.meta.url).href,
);

/** The part of a JSON Schema that a type follows from. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly prefixItems?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
}

/** What each type is, in the order of the file. */
const ABOUT: Readonly<Record<string, string>> = {
  PrepareOptions: "What a prepare asks for.",
  RecoverOptions: "What a host tells the recovery.",
  NetworkIdentity:
    "The addresses and names of a fork. At least one beside the interface is given.",
  Health: "The reply of a health check.",
  Status: "The status document.",
  PrepareReport: "The report of a prepare.",
  RecoverReply: "The reply of a recover.",
  RecoveryReport:
    "The report of a recovery or of the undo of a failed prepare.",
  StepReport: "The report of a step, an undo or a repair.",
  Evidence: "The evidence of a restore, from the kernel and the clocks.",
  TraceReport: "The trace of a transition, for a host that exports it.",
  Repaired:
    "A change that a killed agent left, and that this one undid at its start.",
  Problem: "A problem document (RFC 9457).",
  StateEvent: "The state of the agent, as an event tells it.",
  PortList: "The ports that are forwarded, and everything about each.",
  PortRules: "The rules that choose the ports to forward.",
  PortRulesOptions: "New rules. They replace the former ones.",
  PortRulesReply: "The reply to new rules.",
  PortEvent: "A port that is forwarded from now on, or no longer.",
};

/** The longest line that `deno fmt` leaves as it is. */
const LINE = 80;

/** Makes the text of the file, in the format of `deno fmt`. */
export function clientTypes(): string {
  const schemas = componentsOf({
    ...SHARED,
    TraceReport,
    PrepareOptions: PrepareBody,
    RecoverOptions: RecoverBody,
    PortRulesOptions: PortRulesBody,
  }) as Readonly<Record<string, Schema>>;
  const missing = Object.keys(schemas).filter((name) => !(name in ABOUT));
  if (missing.length > 0) {
    throw new Error(`Cannot make the types: ABOUT has no ${missing}`);
  }
  const types = Object.entries(ABOUT).map(([name, about]) =>
    `/** ${about} */\nexport interface ${name} ${
      objectOf(withoutWait(name, schemas[name]), "")
    }\n`
  );
  return [
    "/**\n * The types of requests and replies. `make client-types` made this file from the schemas.\n * @module\n */\n",
    ...types,
  ].join("\n");
}

/** The two methods of the client that prepare set the field `wait`. */
function withoutWait(name: string, schema: Schema): Schema {
  if (name !== "PrepareOptions") return schema;
  const { wait: _, ...properties } = schema.properties ?? {};
  return { ...schema, properties };
}

function objectOf({ properties = {}, required = [] }: Schema, indent: string) {
  const inner = `${indent}  `;
  const lines = Object.entries(properties).flatMap(([name, schema]) => [
    ...schema.description === undefined
      ? []
      : [`${inner}/** ${schema.description} */`],
    field(
      `${inner}readonly ${name}${required.includes(name) ? "" : "?"}:`,
      schema,
      inner,
    ),
  ]);
  return `{\n${lines.join("\n")}\n${indent}}`;
}

/** A field; a union that is too long for the line has one line for each member, also in a list. */
function field(start: string, schema: Schema, indent: string): string {
  const line = `${start} ${typeOf(schema, indent)};`;
  const { additionalProperties: values } = schema;
  if (typeof values === "object" && values.properties !== undefined) {
    const inner = `${indent}  `;
    return `${start} Readonly<\n${inner}Record<string, ${
      objectOf(values, inner)
    }>\n${indent}>;`;
  }
  const words = schema.enum ?? schema.items?.enum;
  if (words === undefined || line.length <= LINE) return line;
  const members = words.map((word) => `\n${indent}  | "${word}"`).join("");
  return schema.enum === undefined
    ? `${start} readonly (${members}\n${indent})[];`
    : `${start}${members};`;
}

function typeOf(schema: Schema, indent: string): string {
  if (schema.$ref !== undefined) return schema.$ref.split("/").pop()!;
  if (schema.enum !== undefined) {
    return schema.enum.map((word) => `"${word}"`).join(" | ");
  }
  switch (schema.type) {
    case "string":
    case "boolean":
      return schema.type;
    case "number":
    case "integer":
      return "number";
    case "array": {
      const { prefixItems, items } = schema;
      if (prefixItems !== undefined) {
        const members = prefixItems.map((item) => typeOf(item, indent));
        return `readonly [${members.join(", ")}]`;
      }
      if (items === undefined) break;
      const item = typeOf(items, indent);
      const isUnit = item.startsWith("{") || !/^readonly | \| /.test(item);
      return `readonly ${isUnit ? item : `(${item})`}[]`;
    }
    case "object": {
      if (schema.properties !== undefined) return objectOf(schema, indent);
      const { additionalProperties: values } = schema;
      const value = typeof values === "object" && Object.keys(values).length > 0
        ? typeOf(values, indent)
        : "unknown";
      return `Readonly<Record<string, ${value}>>`;
    }
    case undefined:
      if (schema.anyOf === undefined) break;
      return schema.anyOf.map((one) => typeOf(one, indent)).join(" | ");
  }
  throw new Error(`Cannot make a type of ${JSON.stringify(schema)}`);
}

if (import.meta.main) writeFileSync(TYPES_FILE, clientTypes());
