import assert from "node:assert/strict";
import { test } from "node:test";
import { type AgentAddress, parseAddress } from "../../src/client/address.ts";
import { addressText } from "../../src/client/connect.ts";

test("an address of an agent is parsed, and written again", () => {
  const cases: readonly (readonly [string, AgentAddress])[] = [
    ["http://10.0.0.2:49983", { kind: "tcp", host: "10.0.0.2", port: 49983 }],
    ["http://[::1]:80", { kind: "tcp", host: "::1", port: 80 }],
    ["http://vm-1:8080", { kind: "tcp", host: "vm-1", port: 8080 }],
    ["unix:/run/lull.sock", { kind: "unix", path: "/run/lull.sock" }],
    ["unix:l.sock", { kind: "unix", path: "l.sock" }],
    ["vsock:3:49983", { kind: "vsock", cid: 3, port: 49983 }],
    ["fc:/tmp/v:1.sock:52", {
      kind: "firecracker",
      path: "/tmp/v:1.sock",
      port: 52,
    }],
  ];
  for (const [text, address] of cases) {
    assert.deepEqual(parseAddress(text), address, text);
    assert.equal(addressText(address), text);
  }
  assert.equal(parseAddress("http://a/")?.kind, "tcp");
});

test("any other text is no address of an agent", () => {
  const wrong = [
    ...["", "10.0.0.2:49983", "https://a", "http://", "http://a/health"],
    ...[
      "http://u@a",
      "http://:p@a",
      "http://a?b",
      "unix:",
      "vsock:3",
      "vsock:3:0",
    ],
    ...["vsock:0:5", "vsock:3:4294967295", "fc:/a", "fc::5", "fc:/a:0"],
  ];
  for (const text of wrong) assert.equal(parseAddress(text), undefined, text);
});
