import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseContent } from "../../src/agent/mailbox.ts";
import { Found } from "../../src/lifecycle/step.ts";
import { Mailbox } from "../../src/mailbox/mailbox.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** A mailbox whose content the test sets. */
class FakeMailbox {
  content: Uint8Array | Error = new Uint8Array();
  reads = 0;
  readonly mailbox: Mailbox;

  constructor(maxBytes = 65_536, wallClock = () => 0) {
    this.mailbox = new Mailbox({
      source: {
        name: "/dev/vdc",
        limitMs: 1000,
        read: (most) => {
          this.reads++;
          assert.equal(most, maxBytes);
          if (this.content instanceof Error) {
            return Promise.reject(this.content);
          }
          return Promise.resolve(this.content.slice(0, most + 1));
        },
      },
      ...{ maxBytes, parse: parseContent, wallClock },
    });
  }

  put(text: string | Uint8Array): void {
    this.content = typeof text === "string" ? encode(text) : text;
  }

  take(operation = "one") {
    return this.mailbox.take({ operation });
  }

  async found(): Promise<Found> {
    const found = await this.take();
    assert.ok(found instanceof Found, JSON.stringify(found));
    return found;
  }

  async skipped(operation?: string): Promise<unknown> {
    const result = await this.take(operation);
    assert.ok(!(result instanceof Found));
    return result.skipped;
  }
}

describe("the mailbox", () => {
  test("has the body of a call to recover, padded with zeros", async () => {
    const fake = new FakeMailbox();
    fake.put('{"outcome":"restored","network":{"hostname":"fork-1"}}\n\0\0x');
    const { effect, request } = await fake.found();
    assert.deepEqual(effect, {
      source: "/dev/vdc",
      fields: ["outcome", "network"],
    });
    assert.deepEqual(request, {
      outcome: "restored",
      network: { hostname: "fork-1" },
    });
  });

  test("has nothing for a fork that got the content from before the snapshot", async () => {
    const fake = new FakeMailbox();
    fake.put('{"network":{"hostname":"template"}}');
    assert.deepEqual(await fake.mailbox.note(), {
      source: "/dev/vdc",
      hasContent: true,
    });
    const known = "the content of the mailbox /dev/vdc is known";
    assert.equal(await fake.skipped(), known);
    fake.put('{"network":{"hostname":"template"}}\0\0'); // only its padding differs
    assert.equal(await fake.skipped(), known);
  });

  test("is applied once, and read at no prepare after that", async () => {
    const fake = new FakeMailbox();
    assert.deepEqual(await fake.mailbox.note(), {
      source: "/dev/vdc",
      hasContent: false,
    });
    fake.put('{"network":{"hostname":"a"}}');
    await fake.found();
    const { reads } = fake;
    assert.deepEqual(await fake.mailbox.note(), {
      skipped: "the last content that was read is known",
    });
    assert.equal(fake.reads, reads);
    assert.match(String(await fake.skipped()), /is known/);
    fake.put('{"network":{"hostname":"b"}}');
    assert.deepEqual((await fake.found()).request, {
      network: { hostname: "b" },
    });
  });

  test("may be empty", async () => {
    const fake = new FakeMailbox();
    for (const text of ["", "\0\0\0", " \n", "\r\n\0 {}"]) {
      fake.put(text);
      const empty = "the mailbox /dev/vdc is empty";
      assert.equal(await fake.skipped(), empty, JSON.stringify(text));
    }
  });

  test("names what is wrong with its content, and none of its values", async () => {
    const fake = new FakeMailbox();
    for (
      const [text, why] of [
        ["{", /: it is no JSON$/],
        [Uint8Array.of(0x7b, 0xc3, 0x7d), /: it is no text in UTF-8$/],
        ["[]", /: it: expected a JSON object$/],
        ['{"secret-7":1}', /: it: expected no fields but operation, /],
        [
          '{"network":{"hostname":"secret-7 x"}}',
          /: network\.hostname: expected /,
        ],
        ['{"hostTime":7}', /: hostTime: expected a time of RFC 3339/],
      ] as const
    ) {
      fake.put(text);
      for (const _ of [1, 2]) { // each recovery reports it
        await assert.rejects(fake.take(), (error: Error) => {
          assert.match(
            error.message,
            /^Cannot use the content of the mailbox \/dev\/vdc: /,
          );
          assert.match(error.message, why);
          assert.doesNotMatch(error.message, /secret-7/);
          return true;
        });
      }
    }
  });

  test("may not be longer than a body", async () => {
    const fake = new FakeMailbox(16);
    fake.put('{"outcome":"restored"}');
    await assert.rejects(fake.take(), /it has more than 16 bytes/);
    fake.put("{}" + " ".repeat(14));
    assert.ok(await fake.take());
    fake.put("{}\0" + "x".repeat(50));
    assert.match(String(await fake.skipped()), /is known/);
  });

  test("of another operation is not applied", async () => {
    const fake = new FakeMailbox();
    fake.put('{"operation":"two","network":{"hostname":"a"}}');
    assert.equal(
      await fake.skipped("one"),
      "the content of the mailbox /dev/vdc is for another operation",
    );
    fake.put('{"operation":"one","network":{"hostname":"b"}}');
    const { request } = await fake.found();
    assert.deepEqual(request, { network: { hostname: "b" } });
  });

  test("sets no time that is before the guest's own", async () => {
    const now = Date.parse("2026-01-01T00:00:00Z");
    const fake = new FakeMailbox(1000, () => now);
    fake.put('{"hostTime":"2025-12-31T23:59:59Z","outcome":"restored"}');
    const old = await fake.found();
    assert.deepEqual(old.request, { outcome: "restored" });
    assert.deepEqual(old.effect.problems, [
      "hostTime is before the guest's own time",
    ]);
    const before = performance.now();
    fake.put('{"hostTime":"2026-01-01T00:00:01Z","roundTripMs":4}');
    const { request: { receivedAt, ...request } } = await fake.found();
    assert.deepEqual(request, { hostTime: now + 1000, roundTripMs: 4 });
    assert.ok(receivedAt! >= before && receivedAt! <= performance.now());
  });

  test("that cannot be read before the snapshot is new in each fork", async () => {
    const fake = new FakeMailbox();
    fake.content = new Error("Cannot read the mailbox: ENOENT");
    await assert.rejects(fake.mailbox.note(), /ENOENT/);
    await assert.rejects(fake.take(), /ENOENT/);
    fake.put("{}");
    await fake.found();
  });
});
