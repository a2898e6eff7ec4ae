import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseTcpInfo, TCP_INFO_BYTES } from "../../src/linux/tcp_info.ts";

describe("parseTcpInfo", () => {
  const bytes = new Uint8Array(TCP_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint8(3, 3);
  view.setUint32(24, 7, true);
  view.setUint32(44, 777, true);
  view.setUint32(52, 1234, true);
  view.setUint32(56, 4321, true);
  view.setBigUint64(120, 5n, true);
  view.setBigUint64(128, 6n, true);

  it("reads what a kernel of today fills in", () => {
    assert.deepEqual(parseTcpInfo(bytes), {
      unacked: 7,
      probes: 3,
      lastDataSentMs: 777,
      lastDataReceivedMs: 1234,
      lastAckReceivedMs: 4321,
      bytesAcked: 5,
      bytesReceived: 6,
    });
  });

  it("does without the counters of an older kernel", () => {
    // 104 bytes: before Linux 3.15
    assert.deepEqual(parseTcpInfo(bytes.subarray(0, 104)), {
      unacked: 7,
      probes: 3,
      lastDataSentMs: 777,
      lastDataReceivedMs: 1234,
      lastAckReceivedMs: 4321,
      bytesAcked: undefined,
      bytesReceived: undefined,
    });
    assert.equal(
      parseTcpInfo(bytes.subarray(0, 52)).lastAckReceivedMs,
      undefined,
    );
  });
});
