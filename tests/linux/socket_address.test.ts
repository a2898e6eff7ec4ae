import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  readPort,
  readSocketAddress,
  socketAddress,
} from "../../src/linux/socket_address.ts";

describe("a socket address", () => {
  it("is read from a sockaddr_in", () => {
    const bytes = Uint8Array.of(2, 0, 0xc3, 0x3f, 10, 0, 2, 15, 0, 0, 0, 0);
    assert.deepEqual(readSocketAddress(bytes), {
      address: "10.0.2.15",
      port: 49983,
    });
  });

  it("is read from a sockaddr_in6", () => {
    const bytes = new Uint8Array(28);
    bytes.set([10, 0, 0, 80]);
    bytes[23] = 1;
    assert.deepEqual(readSocketAddress(bytes), { address: "::1", port: 80 });
  });

  it("is made of what it is read to", () => {
    for (const address of ["10.0.2.15", "::1", "2001:db8::1:0:0:1"]) {
      const made = socketAddress(address, 49983);
      assert.deepEqual(made && readSocketAddress(made.bytes), {
        address,
        port: 49983,
      });
    }
    assert.equal(socketAddress("localhost", 80), undefined);
  });

  it("is nothing for other families", () => {
    const unix = Uint8Array.of(1, 0, 0x2f, 0x72, 0x75, 0x6e);
    assert.equal(readPort(unix), undefined);
    assert.equal(readSocketAddress(unix), undefined);
  });
});
