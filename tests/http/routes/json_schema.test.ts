import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as v from "valibot";
import { asText, fields, stated } from "../../../src/util/json_input.ts";
import {
  schemaOf,
  textSchemaOf,
} from "../../../src/http/routes/json_schema.ts";

describe("the conversion of schemas", () => {
  test("a check without a JSON Schema is an error", () => {
    const schema = v.pipe(v.string(), v.check(() => true));
    assert.throws(() => schemaOf(schema), /"check" action cannot be converted/);
    const says = stated<string>((text) => text !== "", "some text", {
      minLength: 1,
    });
    assert.deepEqual(schemaOf(v.pipe(v.string(), says)), {
      type: "string",
      minLength: 1,
    });
  });

  test("a pattern with flags is an error", () => {
    const schema = v.pipe(v.string(), v.regex(/a/i));
    assert.throws(() => schemaOf(schema), /flags are not supported/);
  });

  test("what is text in a query is described as what it stands for", () => {
    const schema = asText(v.pipe(v.number(), v.minValue(1)));
    assert.deepEqual(textSchemaOf(schema), {
      ...{ type: "number", format: "double", minimum: 1 },
    });
  });

  test("a number has a format: clients in Go read others as 32-bit floats", () => {
    assert.deepEqual(schemaOf(v.number()), {
      type: "number",
      format: "double",
    });
    assert.deepEqual(schemaOf(v.pipe(v.number(), v.integer())), {
      ...{ type: "integer", format: "int64" },
    });
  });

  test("no array is an object", () => {
    const schema = fields({ a: v.optional(fields({})) });
    for (const wrong of [[], [1], { a: [] }]) {
      assert.ok(!v.is(schema, wrong), JSON.stringify(wrong));
    }
    assert.ok(v.is(schema, { a: {} }));
    assert.ok(!v.is(schema, JSON.parse('{"__proto__":{}}')));
  });
});
