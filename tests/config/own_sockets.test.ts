import assert from "node:assert/strict";
import { test } from "node:test";
import { refused, serve } from "./parsing.ts";

test("a port is not forwarded to a socket of the agent itself", () => {
  const line =
    "Cannot use /run/a.sock for --forward-unix: the agent listens there, and each caller of the port would count as the host";
  for (
    const at of [
      "--listen=unix:/run/a.sock",
      "--listen=unix:/run//b/../a.sock",
      "--dialects=e2b@unix:/run/a.sock",
    ]
  ) {
    const forward = "--forward-unix=/run/b.sock=80,/run/./a.sock=81";
    assert.equal(refused([at, forward]), line);
    assert.deepEqual(serve([at, "--forward-unix=/run/b.sock=80"]).forwardUnix, [
      "/run/b.sock=80",
    ]);
  }
});
