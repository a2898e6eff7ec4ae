import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { withResolver } from "../../src/linux/resolver.ts";

describe("the text of resolv.conf", () => {
  const text =
    "search a\n nameserver 1.1.1.1\nnameserver\t::1\noptions ndots:1";

  it("keeps its other settings", () => {
    assert.equal(
      withResolver(text, { servers: ["9.9.9.9"] }),
      "search a\noptions ndots:1\nnameserver 9.9.9.9\n",
    );
    assert.equal(
      withResolver(text, { search: ["b", "c"] }),
      "search b c\n nameserver 1.1.1.1\nnameserver\t::1\noptions ndots:1\n",
    );
    assert.equal(
      withResolver(undefined, { servers: ["::1"] }),
      "nameserver ::1\n",
    );
  });

  it("has no more servers than the C library reads", () => {
    const servers = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
    assert.equal(
      withResolver("", { servers }).match(/nameserver/g)?.length,
      3,
    );
  });
});
