import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { Forwarder } from "../../src/ports/forwarder.ts";
import { until } from "../support/until.ts";
import { Forwarding } from "./forwarding.ts";
import {
  ask,
  dial,
  echoAfterEnd,
  FORWARD_ADDRESS,
  STOP_LIMIT_MS,
  WORKER_URL,
} from "./net.ts";

for (const steer of [true, false]) {
  const how = steer ? "one socket for all ports" : "a listener on each port";
  test(`a port has no more connections than its limit, with ${how}`, async () => {
    const rig = await Forwarding.start();
    try {
      rig.forwarder = new Forwarder({
        ...{ forwardAddresses: [FORWARD_ADDRESS], workerUrl: WORKER_URL },
        ...{ ...rig.threads, log: rig.log, stopLimitMs: STOP_LIMIT_MS, steer },
        maxConnections: 2,
      });
      rig.made.push(rig.forwarder);
      const port = await rig.serve(echoAfterEnd);
      await rig.forward(port, "127.0.0.1");
      const clients = [await dial(port), await dial(port)];
      await until("both", () => rig.servers[0].connections === 2);
      // The reset may come before this end knows that it is connected.
      const third = connect({ host: FORWARD_ADDRESS, port });
      const [error] = await once(third, "error");
      assert.equal(error.code, "ECONNRESET");
      for (const client of clients) client.destroy();
      await until(
        "room",
        async () =>
          await ask(port, "again").catch(() => "") === "again and that was all",
      );
    } finally {
      await rig.end();
    }
  });
}
