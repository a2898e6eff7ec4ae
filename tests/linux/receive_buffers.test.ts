import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { neighboursIn } from "../../src/linux/receive_buffers.ts";
import { inNamespace, namespaceProblem } from "../support/namespace/mod.ts";

const ARP =
  `IP address       HW type     Flags       HW address            Mask     Device
10.0.2.3         0x1         0x0         00:00:00:00:00:00     *        eth0
10.0.2.2         0x1         0x2         52:55:0a:00:02:02     *        eth0
10.0.2.4         0x1         0x2         52:55:0a:00:02:04     *        eth0
10.1.0.1         0x1         0x6         52:55:0a:01:00:01     *        eth1
10.2.0.1         0x20        0x2         00:00:00:00:00:01     *        ib0
`;

describe("the buffers of network devices", () => {
  test("one known neighbour of each Ethernet device is asked", () => {
    assert.deepEqual(neighboursIn(ARP), [
      { device: "eth0", address: "10.0.2.2" },
      { device: "eth1", address: "10.1.0.1" },
    ]);
    assert.deepEqual(neighboursIn(ARP.split("\n")[0]), []);
  });

  test("are filled by the replies of a neighbour", {
    skip: namespaceProblem(),
    timeout: 60_000,
  }, async () => {
    const script = new URL(
      "../support/namespace/receive_buffers.ts",
      import.meta.url,
    );
    const { alone, received } = await inNamespace<
      { alone: number; received: number }
    >(script);
    assert.equal(alone, 0);
    assert.ok(received >= 640, `${received} packets`);
  });
});
