import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { completeUrl } from "../../src/runtime/url.ts";

describe("completeUrl", () => {
  for (
    const [url, host, complete] of [
      // What both runtimes give for nearly all requests stays as it is.
      ["http://lull/health", "lull", "http://lull/health"],
      ["http://[::1]:80/health?x=a/b", "[::1]:80", undefined],
      ["http://lull/openapi.json", "lull", undefined],
      // Bun, where Host is missing or wrong
      ["/health", null, "http://localhost/health"],
      ["/health?x", "a b", "http://localhost/health?x"],
      ["//health", "", "http://localhost//health"],
      ["/a/../health", "", "http://localhost/health"],
      ["lull:80", "lull", "http://localhost/"],
      ["http://[bad/health", "[bad", "http://localhost/health"],
      ["http://:80/health", ":80", "http://localhost/health"],
      // Deno, which takes Host and the path as they are
      ["http://a b/health", "a b", "http://localhost/health"],
      ["http://x/health/health", "x/health", "http://localhost/health"],
      ["http:///x/health", "/x", "http://localhost/health"],
      ["http://?x/health", "?x", "http://localhost/health"],
      ["http://#x/health", "#x", "http://localhost/health"],
      ["http://a\\b/health", "a\\b", "http://localhost/health"],
      ["http://u:p@h/health", "u:p@h", "http://localhost/health"],
      ["http://lull/./health#x", "lull", "http://localhost/health"],
      ["http://lull/%2e/health", "lull", "http://localhost/health"],
      ["http://lull/x\\..\\health", "lull", "http://localhost/health"],
      ["http+unix://%2Frun%2Flull/health", null, "http://localhost/health"],
      ["http+unix://lull/health", "lull", "http://localhost/health"],
      ["http://lull:80", "lull:80", "http://localhost/"],
      // absolute forms
      ["HTTP://elsewhere/health", "lull", undefined],
      ["https://elsewhere/health", "lull", "http://localhost/health"],
      ["http://lull.elsewhere/health", "lull", undefined],
    ] as const
  ) {
    test(`${url} with Host ${host} is ${complete ?? "as it is"}`, () => {
      assert.equal(completeUrl(url, host), complete ?? url);
    });
  }

  test("another scheme has none", () => {
    assert.equal(completeUrl("ftp://lull/health", "lull"), undefined);
  });

  test("whatever came, its path begins behind the host", () => {
    const url = fc.oneof(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string().map((text) => `/${text}`),
      fc.string().map((text) => `http://${text}`),
      fc.string().map((text) => `http://lull/${text}`),
    );
    fc.assert(
      fc.property(url, fc.option(fc.string()), (url, host) => {
        const complete = completeUrl(url, host);
        assert.ok(complete !== undefined);
        const { protocol, hash, pathname } = new URL(complete);
        assert.equal(protocol, "http:");
        assert.equal(hash, "");
        const target = complete.slice(complete.indexOf("/", 7));
        assert.equal(target.split("?")[0], pathname);
      }),
      { numRuns: 2000 },
    );
  });
});
