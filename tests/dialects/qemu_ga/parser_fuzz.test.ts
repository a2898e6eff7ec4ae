import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { jsonText, parseJson } from "../../../src/dialects/qemu_ga/json.ts";
import {
  type Parsed,
  RequestParser,
} from "../../../src/dialects/qemu_ga/parser.ts";
import { anyText, damaged } from "../../fuzz/arbitraries.ts";
import { SessionRig } from "./session_rig.ts";

const REQUEST =
  '{"execute":"guest-sync","arguments":{"id":5},"id":["a\\"{}",{"b":[]}]}\n';

/** Bytes as hosts send them: requests, damaged requests, and anything. */
const bytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  anyText.map((text) => new TextEncoder().encode(text)),
  damaged(REQUEST.repeat(3)).map((text) => new TextEncoder().encode(text)),
);

/** Requests and errors in a form that can be compared. */
function comparable(parsed: readonly Parsed[]): unknown[] {
  return parsed.map((one) =>
    "error" in one ? one.error.message : jsonText(one.request)
  );
}

test("where the bytes are cut makes no difference", () => {
  fc.assert(fc.property(bytes, fc.array(fc.nat(300)), (bytes, cuts) => {
    const whole = comparable(new RequestParser().feed(bytes));
    const parser = new RequestParser();
    const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
    let start = 0;
    const pieces = ends.flatMap((end) => {
      const piece = bytes.subarray(start, end);
      start = Math.max(start, end);
      return parser.feed(piece);
    });
    assert.deepEqual(comparable(pieces), whole);
  }));
});

test("a delimited sync is answered after any bytes", async () => {
  await fc.assert(
    fc.asyncProperty(
      bytes,
      fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
      async (bytes, id) => {
        const rig = new SessionRig();
        const garbage = String.fromCharCode(...bytes);
        const reply = await rig.bytes(
          `${garbage}\xff{"execute":"guest-sync-delimited","arguments":{"id":${id}}}\n`,
        );
        assert.ok(reply.endsWith(`\xff{"return":${id}}\n`), reply);
      },
    ),
  );
});

test("a request is found after a request, whatever is in its strings", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (one, other) => {
    const text = JSON.stringify({ one }) + JSON.stringify({ other });
    const parsed = new RequestParser().feed(new TextEncoder().encode(text));
    assert.deepEqual(comparable(parsed), [
      jsonText(parseJson(JSON.stringify({ one }))),
      jsonText(parseJson(JSON.stringify({ other }))),
    ]);
  }));
});

test("integers keep all their digits", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }), (number) => {
      const text = `{"id":${number},"list":[${number}],"text":"${number}"}`;
      assert.equal(jsonText(parseJson(text)), text);
    }),
  );
});
