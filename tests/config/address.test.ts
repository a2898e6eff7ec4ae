import assert from "node:assert/strict";
import { test } from "node:test";
import { parseListen } from "../../src/config/address.ts";

test("an address to listen on, taken apart", () => {
  const cases: [string, ReturnType<typeof parseListen>][] = [
    ["0.0.0.0:49983", { host: "0.0.0.0", port: 49983 }],
    ["[::]:0", { host: "::", port: 0 }],
    ["localhost:080", { host: "localhost", port: 80 }],
    ["unix:/run/a b:c.sock", { path: "/run/a b:c.sock" }],
    ["unix:/a", { path: "/a" }],
    ["vsock:49983", { vsockPort: 49983 }],
    ["vsock:4294967294", { vsockPort: 4294967294 }],
    ["vsock:4294967295", undefined],
    ["vsock:0", undefined],
    ["vsock:", undefined],
    ["vsock:-1", undefined],
    ["vsock:2:49983", undefined],
    ["::1", undefined],
  ];
  for (const [at, parsed] of cases) assert.deepEqual(parseListen(at), parsed);
});
