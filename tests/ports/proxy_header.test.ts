import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { proxyHeader } from "../../src/ports/proxy_header.ts";

/** The signature, section 2.2 of the specification. */
const SIGNATURE = "0d0a0d0a000d0a515549540a";

function hex(...[client, server]: Parameters<typeof proxyHeader>): string {
  return proxyHeader(client, server).toHex();
}

describe("the header of the PROXY protocol", () => {
  it("has the addresses and ports of a connection over IPv4", () => {
    assert.equal(
      hex(
        { address: "192.0.2.9", port: 0x1234 },
        { address: "169.254.0.21", port: 80 },
      ),
      `${SIGNATURE}2111000c` + "c0000209" + "a9fe0015" + "1234" + "0050",
    );
  });

  it("has those of a connection over IPv6", () => {
    assert.equal(
      hex(
        { address: "fd00::9", port: 65_535 },
        { address: "fd00::2", port: 8080 },
      ),
      `${SIGNATURE}21210024` + `fd${"00".repeat(14)}09` +
        `fd${"00".repeat(14)}02` + "ffff" + "1f90",
    );
  });

  it("takes an IPv4-mapped address for IPv4", () => {
    const server = { address: "192.0.2.2", port: 80 };
    assert.equal(
      hex({ address: "::ffff:192.0.2.9", port: 1 }, server),
      hex({ address: "192.0.2.9", port: 1 }, server),
    );
  });

  it("says LOCAL if the client is not known any more", () => {
    assert.equal(
      hex({ address: "", port: 0 }, { address: "192.0.2.2", port: 80 }),
      `${SIGNATURE}20000000`,
    );
  });
});
