import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTcpInfo, TCP_INFO_BYTES } from "../../src/linux/tcp_info.ts";

describe("parseTcpInfo", () => {
  const bytes = new Uint8Array(TCP_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, 8);
  view.setUint32(52, 1234, true);
  view.setBigUint64(120, 5n, true);
  view.setBigUint64(128, 6n, true);
  view.setBigUint64(200, 7n, true);

  it("reads what a kernel of today fills in", () => {
    assert.deepEqual(parseTcpInfo(bytes, bytes.length), {
      state: 8,
      lastDataReceivedMs: 1234,
      bytesAcked: 5,
      bytesReceived: 6,
      bytesSent: 7,
    });
  });

  it("does without the counters of an older kernel", () => {
    // 192 bytes: Linux 4.10; 104: before 3.15
    assert.deepEqual(parseTcpInfo(bytes, 192), {
      state: 8,
      lastDataReceivedMs: 1234,
      bytesAcked: 5,
      bytesReceived: 6,
      bytesSent: undefined,
    });
    assert.deepEqual(parseTcpInfo(bytes, 104), {
      state: 8,
      lastDataReceivedMs: 1234,
      bytesAcked: undefined,
      bytesReceived: undefined,
      bytesSent: undefined,
    });
  });
});
