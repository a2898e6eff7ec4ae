import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { parseIp } from "../../src/linux/ip.ts";
import { parseListening } from "../../src/ports/proc_net.ts";

const TCP =
  `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41231 1 0000000000000000 100 0 0 10 0                     
   1: 3500007F:0035 00000000:0000 0A 00000000:00000003 00:00000000 00000000   101        0 17420 1 0000000000000000 100 0 0 10 5                     
   2: 00000000:C34F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1587 1 00000000a4a0c914 100 0 0 10 0                      
  13: 0100007F:1F90 0100007F:D2F6 01 00000000:00000000 00:00000000 00000000  1000        0 41240 1 0000000000000000 20 4 30 10 -1                    
  14: 0100007F:D2F6 0100007F:1F90 06 00000000:00000000 03:00000D2C 00000000     0        0 0 3 0000000000000000                                      
`;
const TCP6 =
  `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51000 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:0BB9 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51001 1 0000000000000000 100 0 0 10 0
   2: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51002 1 0000000000000000 100 0 0 10 0
   3: B80D0120000000000100000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 51003 1 0000000000000000 100 0 0 10 0
   4: 0000000000000000FFFF00000100007F:0BB9 0000000000000000FFFF00000100007F:D2F6 01 00000000:00000000 00:00000000 00000000  1000        0 51004 1 0000000000000000 20 4 30 10 -1
`;

describe("parseListening", () => {
  it("finds the listening sockets of /proc/net/tcp", () => {
    assert.deepEqual(parseListening(TCP), [
      { address: "127.0.0.1", port: 8080 },
      { address: "127.0.0.53", port: 53 },
      { address: "0.0.0.0", port: 49999 },
    ]);
  });

  it("finds those of /proc/net/tcp6, v4-mapped ones among them", () => {
    assert.deepEqual(parseListening(TCP6), [
      { address: "::1", port: 3000 },
      { address: "127.0.0.1", port: 3001 },
      { address: "::", port: 22 },
      { address: "2001:db8::1:0:1", port: 80 },
    ]);
  });

  it("reads the tables of this machine", () => {
    const text = readFileSync("/proc/net/tcp", "latin1");
    const listening = text.split("\n").filter((line) =>
      line.trim().split(/\s+/)[3] === "0A"
    );
    assert.equal(parseListening(text).length, listening.length);
  });

  it("finds nothing in nothing", () => {
    assert.deepEqual(parseListening(""), []);
    assert.deepEqual(parseListening("\n\n  \n\0"), []);
  });

  it("skips damaged lines and keeps the others", () => {
    const [header, first, second] = TCP.split("\n");
    const damaged = [
      first.slice(0, 40),
      first.replace("0100007F", "0100007"),
      first.replace("0100007F", "01G0007F"),
      first.replace("1F90", "11F90"),
      first.replace(" 41231", " inode"),
      first.replaceAll(" ", ""),
      `${first.slice(0, 20)}\r${first.slice(20)}`,
    ];
    const text = [header, ...damaged, second].join("\n");
    assert.deepEqual(
      parseListening(text).map((socket) => socket.port),
      [53],
    );
  });

  it("never throws and never invents, whatever is changed in the text", () => {
    const random = generator(1);
    for (let round = 0; round < 2000; round++) {
      const bytes = new TextEncoder().encode(round % 2 === 0 ? TCP : TCP6);
      const changes = 1 + random(40);
      for (let i = 0; i < changes; i++) {
        bytes[random(bytes.length)] = random(256);
      }
      const from = random(20);
      const text = new TextDecoder("latin1").decode(
        bytes.subarray(from, bytes.length - random(200)),
      );
      const lines = text.split("\n").length;
      const sockets = parseListening(text);
      assert.ok(sockets.length <= lines);
      for (const { address, port } of sockets) {
        assert.ok(Number.isInteger(port) && port >= 0 && port <= 65535);
        assert.ok(parseIp(address) !== undefined, address);
      }
    }
  });
});

/** Numbers below a limit, the same in each run (xorshift32). */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
