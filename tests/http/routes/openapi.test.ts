import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { openapi } from "../../../src/http/routes/openapi.ts";
import { PROBLEMS, problemType } from "../../../src/util/problem.ts";
import { problemsOf } from "../../../src/http/routes/route.ts";
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
