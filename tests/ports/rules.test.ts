import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { RuleSet } from "../../src/ports/rules.ts";
import {
  contains,
  parsePortRange,
  PORT_RANGE,
} from "../../src/util/port_ranges.ts";

const FOUND = new Map([
  [53, ["127.0.0.53", "127.0.0.54"]],
  [80, ["127.0.0.1", "127.0.0.53", "::1"]],
  [8000, ["127.0.0.1"]],
  [8080, ["::1"]],
]);

function selected(include: string[], exclude: string[]) {
  return [...new RuleSet({ include, exclude }).select(FOUND)];
}

describe("the rules of forwarding", () => {
  it("leave out only systemd-resolved by default", () => {
    assert.deepEqual(selected([], []), [
      [80, ["127.0.0.1", "::1"]],
      [8000, ["127.0.0.1"]],
      [8080, ["::1"]],
    ]);
  });

  it("forward no port that they do not include, and none that they exclude", () => {
    assert.deepEqual(selected(["8000-8999"], ["8080"]), [
      [8000, ["127.0.0.1"]],
    ]);
    assert.deepEqual(selected([], ["1-8000"]), [[8080, ["::1"]]]);
    assert.deepEqual(selected(["80"], ["80"]), []);
  });

  it("forward a listener of systemd-resolved whose port they include", () => {
    assert.deepEqual(selected(["53"], []), [
      [53, ["127.0.0.53", "127.0.0.54"]],
    ]);
  });
});

describe("a range of ports", () => {
  it("contains both its ends, in either order", () => {
    for (const text of ["8000-8010", "8010-8000"]) {
      const range = parsePortRange(text);
      assert.deepEqual(range, { first: 8000, last: 8010 });
      assert.deepEqual(
        [7999, 8000, 8010, 8011].map((port) => contains([range], port)),
        [false, true, true, false],
      );
    }
    assert.deepEqual(parsePortRange("1"), { first: 1, last: 1 });
  });

  it("has ports from 1 to 65535 and no other form", () => {
    for (let port = 0; port < 70_000; port++) {
      const isPort = port >= 1 && port <= 65_535;
      assert.equal(PORT_RANGE.test(String(port)), isPort, String(port));
    }
    for (const wrong of ["", "-1", "1-", "1-2-3", " 1", "01", "1\n", "a"]) {
      assert.ok(!PORT_RANGE.test(wrong), JSON.stringify(wrong));
    }
  });
});
