import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RegExpRouter } from "hono/router/reg-exp-router";
import { TrieRouter } from "hono/router/trie-router";
import { ExactRouter } from "../../src/http/exact_router.ts";

/** In the form in which Hono adds them: middleware, routes, and one for all other methods. */
const ROUTES = [
  ["ALL", "/*", "first middleware"],
  ["GET", "/health", "health"],
  ["ALL", "/*", "second middleware"],
  ["GET", "/", "root"],
  ["GET", "/health", "health again"],
  ["POST", "/health", "post"],
  ["ALL", "/health", "other methods"],
  ["GET", "/openapi.json", "document"],
] as const;

const PATHS = [
  ...["/health", "/health/", "/", "//", "/healthz", "/health/health"],
  ...["/Health", "/openapi.json", "/openapixjson", "/a/b/c", "/hea"],
];

describe("the router of exact paths", () => {
  const exact = new ExactRouter<string>();
  const trie = new TrieRouter<string>();
  const regular = new RegExpRouter<string>();
  for (const router of [exact, trie, regular]) {
    for (const [method, path, handler] of ROUTES) {
      router.add(method, path, handler);
    }
  }
  const handlersOf = (
    router: ExactRouter<string> | TrieRouter<string> | RegExpRouter<string>,
    method: string,
    path: string,
  ) => router.match(method, path)[0].map(([handler]) => handler);

  test("it finds what Hono's own routers find, in the same order", () => {
    for (const method of ["GET", "POST", "HEAD", "PUT", "all", "ALL"]) {
      for (const path of PATHS) {
        const found = handlersOf(exact, method, path);
        const what = `${method} ${path}`;
        assert.deepEqual(found, handlersOf(trie, method, path), what);
        assert.deepEqual(found, handlersOf(regular, method, path), what);
      }
    }
    assert.deepEqual(handlersOf(exact, "POST", "/health"), [
      ...["first middleware", "second middleware", "post", "other methods"],
    ]);
  });

  test("a path that is not exact is refused", () => {
    for (const path of ["/hooks/:name", "/a/*", "*", "/a/:b?", "/:c{\\d+}"]) {
      assert.throws(() => new ExactRouter().add("GET", path, ""), {
        message: `Cannot add the route ${path}: it is not one exact path`,
      });
    }
  });
});
