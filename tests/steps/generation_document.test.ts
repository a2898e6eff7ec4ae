import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  encode,
  ExpectedDocument,
  type Untimed,
} from "../../src/steps/generation_document.ts";

const DAY_MS = 86_400_000;
const MIDNIGHT = Date.UTC(2026, 10, 27);
const document: Untimed = {
  generation: 7,
  operation: 'a name with "quotes" and an é',
  outcome: "restored",
};
const text = (bytes: Uint8Array | undefined) =>
  bytes && new TextDecoder().decode(bytes);

describe("a document of a generation that was expected", () => {
  it("is the same as one that is written from the beginning", () => {
    const expected = new ExpectedDocument(document, MIDNIGHT + 12_345);
    const times = [0, 9, 10, 999, 1000, 59_999, 60_000, 3_599_999, 3_600_000];
    for (let ms = 0; ms < DAY_MS; ms += 1_234_567) times.push(ms);
    for (const ms of [...times, DAY_MS - 1, 0]) {
      const now = MIDNIGHT + ms;
      const found = text(expected.at({ ...document }, now));
      assert.equal(found, text(encode(document, now)));
      assert.deepEqual(JSON.parse(found!), {
        ...document,
        time: new Date(now).toISOString(),
      });
    }
  });

  it("is none on another day", () => {
    const expected = new ExpectedDocument(document, MIDNIGHT + 12_345);
    for (const days of [-1000, -1, 1, 25, 49.7, 50, 10_000]) {
      const now = Math.floor(MIDNIGHT + 12_345 + days * DAY_MS);
      assert.equal(expected.at(document, now), undefined, `${days} days later`);
    }
  });

  it("is none where another one is published", () => {
    const expected = new ExpectedDocument(document, MIDNIGHT);
    const others: Partial<Untimed>[] = [
      { generation: 8 },
      { operation: "another" },
      { outcome: "resumed" },
    ];
    for (const other of others) {
      assert.equal(expected.at({ ...document, ...other }, MIDNIGHT), undefined);
    }
    assert.ok(expected.at(document, MIDNIGHT));
  });
});
