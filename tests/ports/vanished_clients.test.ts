import assert from "node:assert/strict";
import { test } from "node:test";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";

test(
  "connections whose client has vanished end within 30 s, those of a slow reader do not",
  {
    skip: namespaceProblem(),
    timeout: 120_000,
  },
  async () => {
    const script = new URL(
      "../support/namespace/vanishing.ts",
      import.meta.url,
    );
    const { connected, tookMs, left } = await inNamespace<{
      connected: number;
      tookMs: number;
      left: number;
    }>(script);
    assert.equal(connected, 51);
    assert.ok(tookMs < 30_000, `${tookMs} ms`);
    assert.equal(left, 1);
  },
);
