import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import * as v from "valibot";
import { schemaOf } from "../../../src/http/routes/json_schema.ts";
import {
  HostTime,
  HostTimeHeader,
  PrepareBody,
  PrepareQuery,
  RecoverBody,
} from "../../../src/http/routes/schemas.ts";

// deno-lint-ignore no-explicit-any
type Document = any;

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
