import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { asText, fields, stated } from "../../../src/util/json_input.ts";
import {
  schemaOf,
  textSchemaOf,
} from "../../../src/http/routes/json_schema.ts";
import { openapi } from "../../../src/http/routes/openapi.ts";
import { PROBLEMS, problemType } from "../../../src/util/problem.ts";
import { problemsOf } from "../../../src/http/routes/route.ts";
import {
  HostTime,
  HostTimeHeader,
  PrepareBody,
  PrepareQuery,
  RecoverBody,
} from "../../../src/http/routes/schemas.ts";
import { ROUTES } from "../../../src/http/routes/table.ts";

// deno-lint-ignore no-explicit-any
type Document = any;

const document: Document = openapi(ROUTES, true);

/** What the document says of each route. */
function operations(of: Document = document) {
  return ROUTES.map((route) => ({
    route,
    operation: of.paths[route.path][route.method.toLowerCase()],
  }));
}

/** The schemas with a pattern, wherever they are. */
function patterns(node: unknown): string[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    key === "pattern" && typeof value === "string" ? [value] : patterns(value)
  );
}

describe("the OpenAPI document", () => {
  test("has each route once, with a name of its own", () => {
    const names = operations().map(({ operation }) => operation.operationId);
    assert.equal(new Set(names).size, ROUTES.length);
    const count = Object.values<object>(document.paths)
      .flatMap((path) => Object.keys(path));
    assert.equal(count.length, ROUTES.length);
  });

  test("lists each reply, and each kind of problem with its type", () => {
    for (const { route, operation } of operations()) {
      const { responses } = operation;
      for (const status of Object.keys(route.replies)) {
        assert.ok(responses[status], `${route.path} ${status}`);
      }
      for (const kind of problemsOf(route)) {
        const [status] = PROBLEMS[kind];
        const { schema } =
          responses[status].content["application/problem+json"];
        const types = schema.properties.type.enum;
        assert.ok(types.includes(problemType(kind)), `${route.path} ${kind}`);
      }
    }
    const said = new Set(ROUTES.flatMap(problemsOf));
    const kinds = Object.keys(PROBLEMS).filter((kind) => kind !== "not-found");
    assert.deepEqual([...said].sort(), kinds.sort());
  });

  test("links to calls that it has, with fields that they take", () => {
    const bodies = new Map(
      operations().map(({ operation }) => [
        operation.operationId,
        operation.requestBody?.content["application/json"].schema.properties,
      ]),
    );
    const links = operations().flatMap(({ operation }) =>
      Object.values<Document>(operation.responses).flatMap(({ links = {} }) =>
        Object.values<Document>(links)
      )
    );
    assert.ok(links.length > 0);
    for (const { operationId, requestBody = {} } of links) {
      assert.ok(bodies.has(operationId), operationId);
      for (const field of Object.keys(requestBody)) {
        assert.ok(field in bodies.get(operationId), field);
      }
    }
  });

  test("says which calls need the token", () => {
    for (const { route, operation } of operations()) {
      const open = operation.security.some((need: object) =>
        Object.keys(need).length === 0
      );
      assert.equal(open, route.open ?? false, route.path);
      assert.equal("401" in operation.responses, !open, route.path);
    }
    for (const { operation } of operations(openapi(ROUTES, false))) {
      assert.deepEqual(operation.security, []);
    }
    assert.equal(document.components.securitySchemes.bearer.scheme, "bearer");
  });

  test("refers to nothing that it does not have", () => {
    const refs = JSON.stringify(document).match(/"#\/[^"]+"/g) ?? [];
    assert.ok(refs.length > 0);
    for (const ref of new Set(refs)) {
      const keys = ref.slice(3, -1).split("/");
      const found = keys.reduce((node, key) => node?.[key], document);
      assert.ok(found, ref);
    }
  });

  test("has patterns that mean the same in every language", () => {
    const all = patterns(document);
    assert.ok(all.length > 5);
    for (const pattern of all) {
      // Anchored; without classes that are larger where they know Unicode, and
      // without looking around, which RE2 and others cannot.
      assert.match(pattern, /^\^.*\$$/);
      assert.doesNotMatch(pattern, /\\[dwsbDWSB]|\(\?[=!<]/);
    }
  });
});

describe("what the document allows is accepted", () => {
  const { properties } = schemaOf(RecoverBody) as Document;
  const [network, networks] = properties.network.anyOf;
  const textsOf = (pattern: string, most = Infinity) =>
    fc.stringMatching(new RegExp(pattern)).filter((text) =>
      text.length <= most
    );
  const accepts = <T>(
    arbitrary: fc.Arbitrary<T>,
    schema: v.GenericSchema,
    wrap: (value: T) => unknown,
  ) =>
    fc.assert(
      fc.property(arbitrary, (value) => {
        const result = v.safeParse(schema, wrap(value));
        assert.ok(result.success, JSON.stringify(value));
      }),
      { numRuns: 300 },
    );

  for (const name of ["address", "gateway", "hostname", "mac"]) {
    test(`network.${name}`, () => {
      const property = network.properties[name];
      const [{ pattern, maxLength }] = property.anyOf ?? [property];
      accepts(textsOf(pattern, maxLength), RecoverBody, (text) => ({
        network: { [name]: text },
      }));
    });
  }

  test("network: a list of as many as the document says", () => {
    const { minItems, maxItems } = networks;
    const one = { hostname: "a" };
    for (const count of [minItems, maxItems]) {
      const list = Array.from({ length: count }, () => one);
      assert.ok(v.safeParse(RecoverBody, { network: list }).success);
    }
    assert.equal(network.properties.address.anyOf[1].maxItems, 16);
  });

  test("network.interface", () => {
    const { pattern } = network.properties.interface;
    accepts(textsOf(pattern), RecoverBody, (text) => ({
      network: { interface: text, hostname: "a" },
    }));
  });

  test("network.dns", () => {
    accepts(
      fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1, maxLength: 3 }),
      RecoverBody,
      (dns) => ({ network: { dns } }),
    );
  });

  test("entropy: 16 to 512 bytes in base64 and nothing else", () => {
    const { pattern } = properties.entropy;
    const says = new RegExp(pattern);
    for (let bytes = 0; bytes < 520; bytes++) {
      const entropy = btoa("\u00ff".repeat(bytes));
      const right = bytes >= 16 && bytes <= 512;
      assert.equal(says.test(entropy), right, `${bytes} bytes`);
      const result = v.safeParse(RecoverBody, { entropy });
      assert.equal(result.success, right, `${bytes} bytes`);
      if (result.success) assert.equal(result.output.entropy?.length, bytes);
    }
    for (const wrong of ["", "A".repeat(23), `${"A".repeat(24)}\n`]) {
      assert.ok(!v.is(RecoverBody, { entropy: wrong }));
    }
    accepts(textsOf(pattern), RecoverBody, (entropy) => ({ entropy }));
  });

  test("hostTime: each text is a time from 2000 to 2199", () => {
    const [, { pattern }] = properties.hostTime.anyOf;
    fc.assert(fc.property(textsOf(pattern), (text) => {
      for (const schema of [HostTime, HostTimeHeader]) {
        const ms = v.parse(schema, text) as number;
        const year = new Date(ms).getUTCFullYear();
        // The year as written; its offset may lead out of it, by a day.
        assert.ok(year >= 1999 && year <= 2200, `${text} is ${ms}`);
      }
    }));
    for (
      const [text, ms] of [
        ["2000-01-01T00:00:00Z", 946_684_800_000],
        ["2026-02-28t23:59:59.123456789z", 1_772_323_199_123],
        ["2024-02-29T00:00:00+01:00", 1_709_161_200_000],
        ["2199-12-31T23:59:59-00:00", 7_258_118_399_000],
      ] as const
    ) {
      assert.equal(Math.floor(v.parse(HostTime, text)), ms);
    }
    for (
      const wrong of [
        ...["2100-02-29T00:00:00Z", "2023-02-29T00:00:00Z", "noon", ""],
        ...["2026-04-31T00:00:00Z", "2026-13-01T00:00:00Z", "1999-01-01"],
        ...["2026-01-01T24:00:00Z", "2026-01-01T00:00:60Z", "1769000000"],
        ...["2026-01-01T00:00:00", "2026-01-01T00:00:00+24:00"],
        ...["2026-01-01T00:00:00Z\n", "2200-01-01T00:00:00Z"],
        ...[12, 946_684_799_999, 7_258_118_400_001, Infinity, NaN, true],
      ]
    ) {
      assert.ok(!v.is(HostTime, wrong), `${wrong}`);
    }
  });

  test("numbers in a query and in a header, however they are written", () => {
    const lease = fc.double({
      min: 0,
      minExcluded: true,
      max: 86_400,
      noNaN: true,
    });
    fc.assert(fc.property(lease, (lease) => {
      const query = v.parse(PrepareQuery, { lease: String(lease) });
      assert.deepEqual(query, v.parse(PrepareBody, { lease }));
    }));
    for (const text of ["5e-324", "1E3", "1e+3", "007", "0.5"]) {
      assert.ok(v.is(PrepareQuery, { lease: text }), text);
    }
    for (const text of ["", " 5", "0x5", "5.", ".5", "Infinity", "1e9", "0"]) {
      assert.ok(!v.is(PrepareQuery, { lease: text }), text);
    }
    assert.equal(v.parse(HostTimeHeader, "1.7e12"), 1_700_000_000_000);
  });
});

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
